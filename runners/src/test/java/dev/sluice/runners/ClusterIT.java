package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * The shaded jar, sent by a process of its own to a cluster of a job manager and two task managers:
 * the bytes of the direct runner, whatever is killed or full meanwhile.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class) // what is counted is that of the first
class ClusterIT {
  private static final int PROBES = 800;
  private static final int BLOCKS = 100;
  private static final int KILLS = 5;
  private static final String LOG = "client.log";

  @TempDir static Path directory;
  private static Path round;
  private static Map<String, String> expected;
  private static StandaloneFlink flink;

  @BeforeAll
  static void start() throws Exception {
    round = LargeRound.write(directory.resolve("round"), PROBES);
    assertThat(LargeRound.uplinkBytes(round), is(greaterThanOrEqualTo(200_000_000L)));
    Cli.Result direct =
        LargeRound.run(
            directory.resolve("direct.log"),
            "aggregate",
            "--round",
            round.toString(),
            "--runner",
            "direct");
    assertThat(direct.toString(), direct.code(), is(0));
    expected = LargeRound.results(round);
    flink = StandaloneFlink.start("cluster", 2);
  }

  @AfterAll
  static void stop() throws IOException {
    if (flink != null) {
      flink.close();
    }
  }

  @BeforeEach
  void forget() throws IOException {
    LargeRound.forget(round);
  }

  private static Process aggregate(Path round, String... more) throws IOException {
    List<String> args = new ArrayList<>(List.of("aggregate", "--round", round.toString()));
    args.addAll(List.of("--flinkMaster", flink.master(), "--runner", "flink"));
    args.addAll(List.of("--parallelism", "2"));
    args.addAll(List.of(more));
    return LargeRound.start(directory.resolve(LOG), args.toArray(new String[0]));
  }

  private static String said() throws IOException {
    return Files.readString(directory.resolve(LOG));
  }

  private static void assertSame(Process client, String when) throws Exception {
    int code = client.waitFor();
    assertThat(when + ": " + said() + (code == 0 ? "" : flink.logs()), code, is(0));
    assertThat(when, LargeRound.results(round), is(expected));
    assertThat(when, teacherBlocks(), is(IntStream.range(0, BLOCKS).boxed().toList()));
  }

  /** Indices of the blocks in all of the teacher's files, sorted, each as often as it is there. */
  private static List<Integer> teacherBlocks() throws IOException {
    List<Integer> blocks = new ArrayList<>();
    for (var file : Storage.match(round + "/teacher/*.avro")) {
      try (DataFileReader<TeacherBlock> reader =
          new DataFileReader<>(
              new java.io.File(file.resourceId().toString()),
              new SpecificDatumReader<>(TeacherBlock.class))) {
        reader.forEach(block -> blocks.add(block.getBlock()));
      }
    }
    Collections.sort(blocks);
    return blocks;
  }

  /** Waits until a job has begun whose client has just been started. */
  private static FlinkCluster.Job awaitJob() {
    List<FlinkCluster.Job> running = new ArrayList<>();
    StandaloneFlink.await(
        "a running job",
        () -> {
          running.clear();
          running.addAll(flink.rest().jobs());
          running.removeIf(job -> job.ended() || tasks(job, "RUNNING", "FINISHED") == 0);
          return !running.isEmpty();
        });
    return running.get(0);
  }

  private static int tasks(FlinkCluster.Job job, String... states) {
    int tasks = 0;
    for (JsonNode vertex : flink.rest().job(job.id()).path("vertices")) {
      for (String state : states) {
        tasks += vertex.path("tasks").path(state).asInt();
      }
    }
    return tasks;
  }

  private static String state(FlinkCluster.Job job) {
    return flink.rest().job(job.id()).path("state").asText();
  }

  @Test
  @Order(1)
  void givesTheBytesOfTheDirectRunner() throws Exception {
    assertSame(aggregate(round), "undisturbed");
    assertThat(said(), containsString("Flink at " + flink.master() + ", parallelism 2"));

    // What was counted is to be had after the job, from both task managers together.
    long files = LargeRound.NODES * (BLOCKS / 10);
    assertThat(scraped("sluice_blocks_total"), is(LargeRound.NODES * BLOCKS * 1.0));
    assertThat(scraped("sluice_bytes_total"), is((double) LargeRound.uplinkBytes(round)));
    assertThat(scraped("sluice_probes_total"), is(LargeRound.NODES * PROBES * 1.0));
    assertThat(scraped("sluice_clipped_coordinates_total"), is(0.0));
    assertThat(scraped("sluice_short_blocks_total"), is(0.0));
    assertThat(scraped("sluice_lag_seconds_count"), is((double) files));
    assertThat(scraped("sluice_lag_seconds_min{node=\"n3\",}"), is(greaterThanOrEqualTo(0.0)));
  }

  /** Sum of a metric over its labels and the task managers; it is there at least once. */
  private static double scraped(String name) throws Exception {
    double sum = 0;
    int found = 0;
    for (String address : flink.metricsAddresses()) {
      String page =
          new String(
              URI.create("http://" + address + "/metrics").toURL().openStream().readAllBytes(),
              StandardCharsets.UTF_8);
      for (String line : page.lines().toList()) {
        if (line.startsWith(name)) {
          sum += Double.parseDouble(line.substring(line.lastIndexOf(' ')));
          found++;
        }
      }
    }
    assertThat(name, found, is(greaterThanOrEqualTo(1)));
    return sum;
  }

  @Test
  @Order(2)
  void losingATaskManagerCostsTimeAndNothingElse() throws Exception {
    Random random = new Random(20_261_122);
    for (int repetition = 0; repetition < KILLS; repetition++) {
      LargeRound.forget(round);
      Process client = aggregate(round);
      FlinkCluster.Job job = awaitJob();
      Process victim = flink.living().get(random.nextInt(2));
      double progress = 0.9 * random.nextDouble();
      long pause = random.nextInt(1000);
      StandaloneFlink.await("progress", () -> progress(job) >= progress);
      Thread.sleep(pause);
      String when = String.format("killed after %.2f of the tasks and %d ms", progress, pause);
      StandaloneFlink.kill(victim);
      flink.startTaskManager();
      assertSame(client, when);
      flink.awaitSlots(2 * StandaloneFlink.SLOTS);
    }
  }

  /** Part of a job's tasks that have finished. */
  private static double progress(FlinkCluster.Job job) {
    int all = 0;
    for (JsonNode vertex : flink.rest().job(job.id()).path("vertices")) {
      all += vertex.path("parallelism").asInt();
    }
    return tasks(job, "FINISHED") / (double) all;
  }

  @Test
  @Order(3)
  void aKilledClientsJobMakesWayForTheNext() throws Exception {
    Process killed = aggregate(round);
    FlinkCluster.Job orphan = awaitJob();
    StandaloneFlink.kill(killed);
    assertThat("it runs on without its client", state(orphan), is("RUNNING"));

    assertSame(aggregate(round), "after the client was killed");
    assertThat(state(orphan), is("CANCELED"));
    assertThat(
        said(),
        containsString("job " + orphan.id() + " of another attempt still runs; cancelling it"));
  }

  @Test
  @Order(4)
  void anInterruptedClientTakesItsJobAlong() throws Exception {
    Process client = aggregate(round);
    FlinkCluster.Job job = awaitJob();
    client.destroy(); // SIGTERM
    assertThat(client.waitFor(), is(not(0)));
    StandaloneFlink.await("the end of the job", () -> state(job).equals("CANCELED"));
    assertThat(Files.exists(round.resolve("manifest.json")), is(false));
  }

  @Test
  @Order(5)
  void withoutTaskManagersAJobEndsAfterTheTimeGiven() throws Exception {
    Process client = aggregate(round, "--flinkWait", "5");
    FlinkCluster.Job job = awaitJob();
    flink.living().forEach(StandaloneFlink::kill);
    assertThat(said() + flink.logs(), client.waitFor(), is(ExitCodes.CLUSTER));
    assertThat(said(), containsString("no task of the job ran for 5 s; the cluster has"));
    assertThat(Files.exists(round.resolve("manifest.json")), is(false));
    StandaloneFlink.await("the end of the job", () -> state(job).equals("CANCELED"));

    flink.startTaskManager();
    flink.startTaskManager();
    flink.awaitSlots(2 * StandaloneFlink.SLOTS);
    assertSame(aggregate(round), "with new task managers");
  }

  @Test
  @Order(6)
  void aClusterThatDoesNotSeeTheRoundIsToldApart() throws Exception {
    Assumptions.assumeTrue(mayMount(), "only root may show a client another file system");
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    // What lies below is seen by the client alone.
    String mounts =
        "mount -t tmpfs none %1$s && mkdir %1$s/round && mount --bind %2$s %1$s/round && exec \"$@\"";
    List<String> args = new ArrayList<>(List.of("unshare", "--mount", "sh", "-c"));
    args.addAll(List.of(String.format(mounts, elsewhere, round), "sh"));
    args.addAll(LargeRound.command("aggregate", "--round", elsewhere + "/round"));
    args.addAll(List.of("--flinkMaster", flink.master(), "--runner", "flink"));
    Process client =
        new ProcessBuilder(args)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(LOG).toFile())
            .start();
    assertThat(said() + flink.logs(), client.waitFor(), is(ExitCodes.BAD_INPUT));
    assertThat(said(), containsString("sluice: " + elsewhere + "/round: not to be seen from "));
    assertThat(Files.exists(round.resolve("manifest.json")), is(false));
  }

  @Test
  @Order(7)
  void aFullDiskOfTheRoundIsACleanFailure() throws Exception {
    Assumptions.assumeTrue(mayMount(), "only root may mount a small file system");
    Path disk = Files.createDirectory(directory.resolve("disk"));
    sh("mount -t tmpfs -o size=300m none " + disk);
    try {
      Path full = disk.resolve("round");
      sh("cp -r " + round + " " + full); // leaves less than the teacher needs
      int code = aggregate(full).waitFor();
      assertThat(said() + flink.logs(), code, is(ExitCodes.BAD_INPUT));
      assertThat(
          said(),
          allOf(
              containsString("sluice: " + full + ": task manager localhost"),
              containsString("No space left on device; nothing was committed"),
              not(containsString("io.tmp.dirs"))));
      assertThat(LargeRound.results(full).keySet(), is(Set.of("plan.json")));

      sh("mount -o remount,size=800m " + disk);
      assertThat(said(), aggregate(full).waitFor(), is(0));
      assertThat(LargeRound.results(full), is(expected));
    } finally {
      sh("umount " + disk);
    }
  }

  @Test
  @Order(8)
  void aFullTemporaryDiskOfFlinkIsACleanFailure() throws Exception {
    Assumptions.assumeTrue(mayMount(), "only root may mount a small file system");
    Path disk = Files.createDirectory(directory.resolve("tmp"));
    sh("mount -t tmpfs -o size=100m none " + disk); // the jar alone is larger
    try {
      flink.living().forEach(StandaloneFlink::kill);
      flink.awaitSlots(0);
      flink.startTaskManager("-Dio.tmp.dirs=" + disk);
      flink.awaitSlots(StandaloneFlink.SLOTS);
      int code = aggregate(round).waitFor();
      assertThat(said() + flink.logs(), code, is(ExitCodes.BAD_INPUT));
      assertThat(
          said(),
          allOf(
              containsString("among Flink's own temporary files (io.tmp.dirs)"),
              containsString("No space left on device; nothing was committed")));
      assertThat(LargeRound.results(round).keySet(), is(Set.of("plan.json")));

      sh("mount -o remount,size=800m " + disk);
      assertSame(aggregate(round), "with room on the temporary disk");
    } finally {
      flink.living().forEach(StandaloneFlink::kill);
      sh("umount " + disk);
    }
  }

  private static boolean mayMount() throws Exception {
    Path probe = Files.createTempDirectory(directory, "mount");
    return new ProcessBuilder("unshare", "--mount", "mount", "-t", "tmpfs", "none", "" + probe)
            .start()
            .waitFor()
        == 0;
  }

  private static void sh(String command) throws Exception {
    Process process = new ProcessBuilder("sh", "-c", command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(command + ": " + said, process.waitFor(30, TimeUnit.SECONDS), is(true));
    assertThat(command + ": " + said, process.exitValue(), is(0));
  }
}
