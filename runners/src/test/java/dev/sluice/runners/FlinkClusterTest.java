package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is asked of a cluster before a job is sent, against a server that answers as one would. */
class FlinkClusterTest {
  @TempDir Path directory;
  private final Map<String, String> answers = new TreeMap<>();
  private HttpServer server;
  private String master;

  @BeforeEach
  void serve() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String answer = answers.get(exchange.getRequestURI().getPath());
          byte[] body = (answer == null ? "" : answer).getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(answer == null ? 404 : 200, body.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
          }
        });
    server.start();
    master = "localhost:" + server.getAddress().getPort();
    answers.put("/config", "{\"flink-version\":\"1.19.0\"}");
    answers.put("/overview", "{\"taskmanagers\":3,\"slots-total\":6,\"slots-available\":1}");
    answers.put("/jobmanager/config", "[{\"key\":\"rest.port\",\"value\":\"8081\"}]");
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private Cli.Result aggregate(String... more) {
    String[] args = {"aggregate", "--round", directory.toString(), "--runner", "flink"};
    String[] all = new String[args.length + more.length];
    System.arraycopy(args, 0, all, 0, args.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return Cli.run(all);
  }

  @Test
  void nobodyAnswers() {
    server.stop(0);
    Cli.Result result = aggregate("--flinkMaster", master);
    assertThat(result.toString(), result.code(), is(ExitCodes.CLUSTER));
    assertThat(result.err(), startsWith("sluice: no Flink cluster answers at " + master));
    assertThat(result.err().strip().lines().count(), is(1L));
  }

  @Test
  void anotherVersionAnswers() {
    answers.put("/config", "{\"flink-version\":\"1.20.1\"}");
    Cli.Result result = aggregate("--flinkMaster", master);
    assertThat(result.code(), is(ExitCodes.CLUSTER));
    assertThat(
        result.err().strip(),
        is("sluice: " + master + ": a cluster of Flink 1.20.1, expected 1.19"));
  }

  @Test
  void somethingElseAnswers() {
    answers.put("/config", "<html>hello</html>");
    assertThat(
        aggregate("--flinkMaster", master).err(),
        startsWith("sluice: " + master + ": something answers that is not Flink"));
    answers.put("/config", "{}");
    assertThat(
        aggregate("--flinkMaster", master).err(),
        startsWith("sluice: " + master + ": something answers that is not Flink"));
    answers.remove("/config");
    assertThat(
        aggregate("--flinkMaster", master).err(),
        startsWith("sluice: " + master + ": /config was answered with HTTP status 404"));
  }

  @Test
  void aJobComesFromAJar() throws IOException {
    Path round = Site.sent(directory, "a");
    answers.put("/jobs/overview", "{\"jobs\":[]}");
    Cli.Result result =
        Cli.run(
            "aggregate", "--round", round.toString(), "--runner", "flink", "--flinkMaster", master);
    assertThat(result.code(), is(ExitCodes.CLUSTER));
    assertThat(
        result.err(),
        allOf(
            startsWith("sluice: Flink at " + master + ", parallelism 6 (as asked)"),
            containsString("no jar, which is what a cluster is sent")));
  }

  @Test
  void aRoundThatTheClusterGivesUpIsTriedAgain() throws IOException {
    Path rounds = Files.createDirectories(directory.resolve("rounds"));
    Site.sent(rounds, "a");
    answers.put("/jobs/overview", "{\"jobs\":[]}");
    for (int look = 0; look < 2; look++) {
      Cli.Result result =
          Cli.run(
              "recompute",
              "--root",
              rounds.toString(),
              "--runner",
              "flink",
              "--flinkMaster",
              master);
      assertThat(result.toString(), result.code(), is(ExitCodes.CLUSTER));
      assertThat(
          result.out(), startsWith("recompute: 1 round: 0 unchanged, 0 failed, 1 postponed"));
    }
    server.stop(0);
    Cli.Result result =
        Cli.run(
            "recompute", "--root", rounds.toString(), "--runner", "flink", "--flinkMaster", master);
    assertThat(result.toString(), result.code(), is(ExitCodes.CLUSTER));
    assertThat(result.err(), startsWith("sluice: no Flink cluster answers at " + master));
    assertThat(Cli.run("recompute", "--root", rounds.toString()).code(), is(ExitCodes.OK));
  }

  @Test
  void whatAClusterHas() {
    FlinkCluster cluster = FlinkCluster.at(master);
    assertThat(cluster.slots(), is(6));
    assertThat(cluster.capacity(), is("3 task managers with 6 slots, 1 free"));
    assertThat(cluster.heartbeatTimeout(), is(Duration.ofSeconds(50)));
    answers.put("/jobmanager/config", "[{\"key\":\"heartbeat.timeout\",\"value\":\"20000\"}]");
    assertThat(cluster.heartbeatTimeout(), is(Duration.ofSeconds(20)));
    answers.put("/jobmanager/config", "[{\"key\":\"heartbeat.timeout\",\"value\":\"3 min\"}]");
    assertThat(cluster.heartbeatTimeout(), is(Duration.ofMinutes(3)));
  }

  /** Otherwise all of them go to a task manager that is gone. */
  @Test
  void restartsOutlastHeartbeats() {
    for (long seconds : new long[] {1, 10, 20, 50, 600}) {
      Duration timeout = Duration.ofSeconds(seconds);
      assertThat(
          4L * ClusterEnvironment.restarts(timeout), is(greaterThan(timeout.toSeconds() * 3 / 2)));
    }
  }

  @Test
  void optionsThatCannotBeMeant() {
    assertThat(aggregate("--flinkWait", "5").code(), is(ExitCodes.USAGE));
    assertThat(aggregate("--flinkMaster", master, "--flinkWait", "0").code(), is(ExitCodes.USAGE));
    assertThat(aggregate("--flinkMaster", "http://x").code(), is(ExitCodes.USAGE));
    assertThat(
        aggregate("--flinkMaster", "[auto]").err(),
        containsString("Flink's application mode is not supported"));
    assertThat(
        aggregate("--flinkMaster", master, "--parallelism", "1025").err(),
        startsWith("sluice: --parallelism must be 1 to 1024, got 1025"));
    assertThat(aggregate("--parallelism", "17").code(), is(ExitCodes.USAGE));
  }
}
