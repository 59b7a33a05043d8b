package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.FallbackKey;
import org.apache.flink.runtime.taskexecutor.TaskManagerRunner;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The manifests and the standalone settings: YAML, of options that Flink has, and of our own. */
class KubernetesManifestsTest {
  private static final Path KUBERNETES = Path.of("kubernetes");

  private static List<Map<?, ?>> documents(Path file) throws IOException {
    List<Map<?, ?>> documents = new ArrayList<>();
    LoadSettings strict = LoadSettings.builder().setAllowDuplicateKeys(false).build();
    new Load(strict)
        .loadAllFromString(Files.readString(file))
        .forEach(document -> documents.add((Map<?, ?>) document));
    return documents;
  }

  private static List<Map<?, ?>> manifests() throws IOException {
    List<Map<?, ?>> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(KUBERNETES)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".yaml")).sorted().toList()) {
        all.addAll(documents(file));
      }
    }
    return all;
  }

  /** What lies under a path of keys. */
  private static Object at(Object document, String... keys) {
    Object found = document;
    for (String key : keys) {
      found = found instanceof Map<?, ?> map ? map.get(key) : null;
    }
    return found;
  }

  /** Every option of Flink's public classes, under all of its names. */
  private static Set<String> flinkOptions() throws Exception {
    Set<String> keys = new TreeSet<>();
    for (Class<?> anyOf : List.of(ConfigOption.class, TaskManagerRunner.class)) {
      Path jar = Path.of(anyOf.getProtectionDomain().getCodeSource().getLocation().toURI());
      try (FileSystem inside = FileSystems.newFileSystem(jar);
          Stream<Path> classes = Files.walk(inside.getPath("/org/apache/flink"))) {
        for (String file : classes.map(Path::toString).toList()) {
          if (file.matches("/org/apache/flink/(runtime/)?\\w+(/\\w+)*Options\\.class")) {
            String name = file.substring(1, file.length() - 6).replace('/', '.');
            addKeys(Class.forName(name), keys);
          }
        }
      }
    }
    return keys;
  }

  private static void addKeys(Class<?> options, Set<String> keys) throws IllegalAccessException {
    for (Field field : options.getFields()) {
      if (ConfigOption.class.isAssignableFrom(field.getType())) {
        ConfigOption<?> option = (ConfigOption<?>) field.get(null);
        keys.add(option.key());
        for (FallbackKey other : option.fallbackKeys()) {
          keys.add(other.getKey());
        }
      }
    }
  }

  private static List<String> unknown(Map<?, ?> settings) throws Exception {
    Set<String> known = flinkOptions();
    assertThat(known, hasItem("heartbeat.timeout"));
    assertThat(known.size(), is(greaterThan(300)));
    return settings.keySet().stream()
        .map(Object::toString)
        .filter(key -> !known.contains(key))
        // Flink hands these on to the reporter of the name.
        .filter(key -> !key.matches("metrics\\.reporter\\.rounds\\.(factory\\.class|host|port)"))
        .toList();
  }

  @Test
  void everySettingIsOneOfFlinks() throws Exception {
    int sessions = 0;
    for (Map<?, ?> manifest : manifests()) {
      if (manifest.get("kind").equals("FlinkDeployment")) {
        sessions++;
        Map<?, ?> settings = (Map<?, ?>) at(manifest, "spec", "flinkConfiguration");
        assertThat(unknown(settings), is(empty()));
        // The operator hands them to Flink as texts, and refuses numbers.
        settings.values().forEach(value -> assertThat(value.getClass(), is((Object) String.class)));
        assertThat(at(manifest, "spec", "job"), is((Object) null));
      }
    }
    assertThat(sessions, is(1));
    Path standalone = Path.of("standalone", "config.yaml");
    assertThat(unknown(documents(standalone).get(0)), is(empty()));
  }

  @Test
  void theReporterIsWhereTheSettingsSay() throws Exception {
    Map<?, ?> settings = documents(Path.of("standalone", "config.yaml")).get(0);
    String factory = settings.get("metrics.reporter.rounds.factory.class").toString();
    assertThat(
        Class.forName(factory).getDeclaredConstructor().newInstance(), is(not((Object) null)));
    assertThat(
        Files.readString(
                Path.of(
                    "src/main/resources/META-INF/services",
                    "org.apache.flink.metrics.reporter.MetricReporterFactory"))
            .strip(),
        is(factory));
  }

  @Test
  void everyCommandLineIsOneOfOurs() throws Exception {
    int jobs = 0;
    for (Map<?, ?> manifest : manifests()) {
      Object job =
          manifest.get("kind").equals("CronJob")
              ? at(manifest, "spec", "jobTemplate", "spec")
              : manifest.get("kind").equals("Job") ? manifest.get("spec") : null;
      if (job == null) {
        continue;
      }
      jobs++;
      assertThat(
          "some exit codes are not to be tried again",
          at(job, "podFailurePolicy", "rules"),
          is(not((Object) null)));
      for (Object container : (List<?>) at(job, "template", "spec", "containers")) {
        List<String> args = new ArrayList<>();
        ((List<?>) at(container, "args")).forEach(arg -> args.add((String) arg));
        CommandLine.ParseResult parsed = parse(args);
        assertThat(parsed.matchedOptionValue("--flinkMaster", ""), is(session() + "-rest:8081"));
        assertThat(parsed.hasMatchedOption("--parallelism"), is(true));
      }
    }
    assertThat(jobs, is(2));
  }

  private static String session() throws IOException {
    for (Map<?, ?> manifest : manifests()) {
      if (manifest.get("kind").equals("FlinkDeployment")) {
        return (String) at(manifest, "metadata", "name");
      }
    }
    throw new IllegalStateException("no session");
  }

  private static CommandLine.ParseResult parse(List<String> args) throws Exception {
    for (Class<?> command : Sluice.class.getAnnotation(Command.class).subcommands()) {
      if (command.getAnnotation(Command.class).name().equals(args.get(0))) {
        String[] options = args.subList(1, args.size()).toArray(new String[0]);
        return new CommandLine(CommandLine.defaultFactory().create(command)).parseArgs(options);
      }
    }
    throw new IllegalArgumentException("no command " + args.get(0));
  }
}
