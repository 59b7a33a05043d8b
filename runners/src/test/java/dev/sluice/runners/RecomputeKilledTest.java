package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Recomputations that are killed at any point of their work, and two at a time. The root has a new
 * round with moments and an allocation, one to which a node's uplink came late, and a calibration.
 */
@Tag("long")
class RecomputeKilledTest {
  private static final int KILLS = 20;
  private static final int AT_A_TIME = 2;
  private static final long POLL_MILLIS = 2;

  @TempDir Path directory;

  private Path root(String name) throws IOException {
    Path root = Files.createDirectories(directory.resolve(name));
    Files.writeString(
        root.resolve("policy.json"),
        "{\"minNodes\": 2, \"moments\": true,"
            + " \"allocation\": {\"totalBitsPerCoordinate\": 9},"
            + " \"calibration\": {\"alphas\": [\"0.1\"], \"bitsCal\": 64}}");
    return root;
  }

  /** The work that is to be done, once; copies of it are what is worked on. */
  private Path begun() throws IOException {
    Path root = root("begun");
    Path late = Schedule.round(root, "late", "a,b,c", "a", "b");
    Cli.Result first = Schedule.recompute(root);
    assertThat(first.toString(), first.code(), is(ExitCodes.DONE_WITH_REJECTS)); // no allocation
    Schedule.send(late, "c");
    Schedule.round(root, "new", "a,b,c", "a", "b", "c");
    Path scores = Files.createDirectories(root.resolve("scores"));
    Scored.nodes(scores, Scored.rows("cal", 30, 30, null, 1));
    return root;
  }

  private static Path copy(Path root, Path to) throws IOException {
    Schedule.copy(root, to);
    return to;
  }

  /** Every file of the current versions, and which versions these are. */
  private static Map<String, String> results(Path root) throws IOException {
    Map<String, String> results = new TreeMap<>();
    for (String round : List.of("late", "new", "scores")) {
      Schedule.contents(Schedule.current(root.resolve(round)))
          .forEach((name, contents) -> results.put(round + "/" + name, contents));
      results.put(round, Files.readString(root.resolve(round).resolve("current.json")));
    }
    return results;
  }

  /** Paths below a directory at this moment; some may go while it is looked at. */
  private static void look(Path root, Set<String> seen) throws IOException {
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            seen.add(file.toString());
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException e) {
            return FileVisitResult.CONTINUE;
          }
        });
  }

  @Test
  void killedAnywhereItComesToTheSameBytes() throws Exception {
    Path begun = begun();
    Set<String> there = new HashSet<>();
    look(begun, there);
    // Undisturbed, while it is counted how many files come to be seen: the points of its work.
    Path whole = copy(begun, directory.resolve("whole"));
    Process undisturbed = recompute(whole, directory.resolve("whole.log"));
    Set<String> seen = new HashSet<>();
    while (undisturbed.isAlive()) {
      look(whole, seen);
      Thread.sleep(POLL_MILLIS);
    }
    assertThat(
        ChildSluice.said(directory.resolve("whole.log")), ChildSluice.ended(undisturbed), is(0));
    int points = seen.size() - there.size();
    assertThat(points, greaterThan(40));
    Map<String, String> expected = results(whole);

    SplittableRandom random = new SplittableRandom(20);
    List<Callable<Boolean>> kills = new ArrayList<>();
    for (int kill = 0; kill < KILLS; kill++) {
      Path root = directory.resolve("killed-" + kill);
      // One in each twentieth, so that they are spread; and a little later, in between two files.
      int point = there.size() + 1 + (int) ((kill + random.nextDouble()) * (points - 1) / KILLS);
      long micros = random.nextInt(3000);
      kills.add(() -> kill(copy(begun, root), point, micros));
    }
    ExecutorService pool = Executors.newFixedThreadPool(AT_A_TIME);
    int killed = 0;
    try {
      for (Future<Boolean> ended : pool.invokeAll(kills)) {
        killed += ended.get() ? 1 : 0;
      }
    } finally {
      pool.shutdown();
    }
    // A process may be faster than the look at its files, near its end.
    assertThat(killed, greaterThanOrEqualTo(KILLS - 3));
    for (int kill = 0; kill < KILLS; kill++) {
      Path root = directory.resolve("killed-" + kill);
      Cli.Result again = Schedule.recompute(root);
      assertThat(kill + again.toString(), again.code(), is(0));
      Map<String, String> results = results(root);
      assertThat("" + kill, results.keySet(), is(expected.keySet()));
      expected.forEach((name, contents) -> assertThat(name, results.get(name), is(contents)));
      assertThat("" + kill, leftovers(root), is(List.of()));
    }
  }

  private static Process recompute(Path root, Path log) throws IOException {
    return ChildSluice.start(
        log, "recompute", "--root", root.toString(), "--runner", "direct", "--parallelism", "1");
  }

  /**
   * Starts a recomputation and kills it once so many files have been seen; false if it was faster.
   */
  private static boolean kill(Path root, int point, long micros) throws Exception {
    Process process = recompute(root, root.resolveSibling(root.getFileName() + ".log"));
    Set<String> seen = new HashSet<>();
    while (process.isAlive() && seen.size() < point) {
      look(root, seen);
      Thread.sleep(POLL_MILLIS);
    }
    long from = System.nanoTime();
    while (System.nanoTime() - from < micros * 1000) {
      Thread.onSpinWait();
    }
    process.destroyForcibly(); // SIGKILL
    return ChildSluice.ended(process) == 128 + 9;
  }

  /** What only a process that was killed leaves. */
  private static List<String> leftovers(Path root) throws IOException {
    try (Stream<Path> tree = Files.walk(root)) {
      return tree.map(path -> root.relativize(path).toString())
          .filter(name -> name.contains(".attempt-") || name.contains(".json."))
          .toList();
    }
  }

  @Test
  void oneHasTheRootAndTheOtherSaysWhoAndLeaves() throws Exception {
    Path root = root("watched");
    Schedule.round(root, "r1", "a,b", "a", "b");
    Path log = directory.resolve("watch.log");
    Process watch =
        ChildSluice.start(
            log,
            "recompute",
            "--root",
            root.toString(),
            "--watch",
            "--every",
            "1h",
            "--settle",
            "0s");
    Path lock = root.resolve(".recompute.lock");
    while (watch.isAlive() && (!Files.exists(lock) || Files.size(lock) == 0)) {
      Thread.sleep(20);
    }
    Cli.Result second = Schedule.recompute(root);
    assertThat(second.toString(), second.code(), is(ExitCodes.LOCKED));
    assertThat(
        second.err(),
        allOf(containsString(root.toString()), containsString("process " + watch.pid() + " on ")));
    assertThat(second.out(), is("recompute: nothing done, another is at work\n"));

    while (watch.isAlive() && !ChildSluice.said(log).contains("recompute: 1 round")) {
      Thread.sleep(20);
    }
    watch.destroy(); // SIGTERM
    assertThat(ChildSluice.said(log), ChildSluice.ended(watch), is(128 + 15));
    assertThat(leftovers(root), is(List.of()));
    Cli.Result third = Schedule.recompute(root);
    assertThat(third.toString(), third.code(), is(0));
    assertThat(third.out(), containsString("1 unchanged"));
  }

  @Test
  void ofTwoStartedTogetherOneWorks() throws Exception {
    Path root = begun();
    Process one = recompute(root, directory.resolve("one.log"));
    Process two = recompute(root, directory.resolve("two.log"));
    List<Integer> codes =
        Stream.of(ChildSluice.ended(one), ChildSluice.ended(two)).sorted().toList();
    String said =
        ChildSluice.said(directory.resolve("one.log"))
            + ChildSluice.said(directory.resolve("two.log"));
    // The second may also come when the first is done: then it finds nothing to do.
    assertThat(said, codes, anyOf(is(List.of(0, ExitCodes.LOCKED)), is(List.of(0, 0))));
    assertThat(
        said,
        anyOf(
            containsString("another recomputation is at work there: process "),
            containsString("3 unchanged, 0 failed")));
    assertThat(new Versions(root.resolve("new")).names(), is(List.of("0001")));
    assertThat(new Versions(root.resolve("late")).names(), is(List.of("0001", "0002")));
  }

  /** The line of the example, as cron runs it: by /bin/sh, with next to no environment. */
  @Test
  void theCrontabsLineWorks() throws Exception {
    Path rounds = root("srv/sluice/rounds");
    Path round = Schedule.round(rounds, "r 1", "a,b,c", "a", "b", "c");
    Path installed = Files.createDirectories(directory.resolve("opt/sluice"));
    Path sources = Path.of("").toAbsolutePath();
    Path project = Files.exists(sources.resolve("sluice")) ? sources : sources.getParent();
    Files.copy(project.resolve("sluice"), installed.resolve("sluice"));
    assertThat(installed.resolve("sluice").toFile().setExecutable(true), is(true));
    jar(installed.resolve("runners/target/sluice.jar"));

    String line =
        Files.readAllLines(project.resolve("runners/schedule/crontab")).stream()
            .filter(text -> text.matches("[0-9*].*"))
            .findFirst()
            .orElseThrow();
    String command = line.split(" ", 6)[5];
    assertThat("cron takes it for the end of the line", command.contains("%"), is(false));
    command =
        command.replace("/opt/sluice", installed.toString()).replace("/srv", directory + "/srv");
    Path log = directory.resolve("cron.log");
    ProcessBuilder cron = new ProcessBuilder("/bin/sh", "-c", command);
    cron.environment().clear();
    cron.environment().put("SHELL", "/bin/sh");
    cron.environment().put("PATH", "/usr/bin:/bin");
    cron.environment().put("HOME", directory.toString());
    cron.environment().put("LOGNAME", "sluice");
    cron.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process =
        cron.directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(ChildSluice.said(log), ChildSluice.ended(process), is(0));
    assertThat(
        ChildSluice.said(log),
        containsString("recompute: 1 round: 0 unchanged, 1 new, 0 failed; "));
    assertThat(Schedule.current(round), is(round.resolve("versions/0001")));
  }

  /** A jar that has the classes of this process, for the launcher. */
  private static void jar(Path file) throws IOException {
    Files.createDirectories(file.getParent());
    StringBuilder entries = new StringBuilder();
    for (String entry : System.getProperty("java.class.path").split(":", -1)) {
      entries.append(Path.of(entry).toUri()).append(' ');
    }
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().putValue("Manifest-Version", "1.0");
    manifest.getMainAttributes().putValue("Main-Class", "dev.sluice.runners.Sluice");
    manifest.getMainAttributes().putValue("Class-Path", entries.toString().strip());
    new JarOutputStream(Files.newOutputStream(file), manifest).close();
  }
}
