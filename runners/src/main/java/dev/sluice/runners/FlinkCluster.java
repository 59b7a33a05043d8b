package dev.sluice.runners;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.HeartbeatManagerOptions;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.util.TimeUtils;

/**
 * A standing Flink cluster, seen through its REST interface: what it is, what runs on it, and an
 * end to what shall not. Submitting is Flink's own client's affair.
 */
final class FlinkCluster {
  private static final Set<String> ENDED = Set.of("FINISHED", "CANCELED", "FAILED", "SUSPENDED");
  private static final Duration CONNECTING = Duration.ofSeconds(10);
  private static final Duration ANSWERING = Duration.ofSeconds(30);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String master;
  private final HttpClient http;

  private FlinkCluster(String master) {
    this.master = master;
    this.http = HttpClient.newBuilder().connectTimeout(CONNECTING).build();
  }

  /**
   * A job, as the cluster's list has it.
   *
   * @param id 32 hexadecimal digits
   * @param state Flink's JobStatus
   */
  record Job(String id, String name, String state) {
    /** Whether nothing of it runs any more, nor ever will. */
    boolean ended() {
      return ENDED.contains(state);
    }
  }

  /**
   * The cluster that answers at an address, when it is one that this build's jobs can run on.
   *
   * @param master host:port of its REST interface
   * @throws ClusterException if none answers, or one of another version
   */
  static FlinkCluster at(String master) {
    FlinkCluster cluster = new FlinkCluster(master);
    String found = cluster.get("/config").path("flink-version").asText();
    if (found.isEmpty()) {
      throw new ClusterException(master + ": something answers that is not Flink");
    }
    String own = EnvironmentInformation.getVersion();
    if (!line(found).equals(line(own))) {
      throw new ClusterException(
          master + ": a cluster of Flink " + found + ", expected " + line(own));
    }
    return cluster;
  }

  /** "1.19" of "1.19.3". */
  private static String line(String version) {
    String[] parts = version.split("\\.", -1);
    return parts.length < 2 ? version : parts[0] + "." + parts[1];
  }

  /** host:port. */
  String master() {
    return master;
  }

  /** The part before the colon. */
  String host() {
    return master.substring(0, master.lastIndexOf(':'));
  }

  /** The part behind the colon. */
  int port() {
    return Integer.parseInt(master.substring(master.lastIndexOf(':') + 1));
  }

  /** What there is to run tasks, for people. */
  String capacity() {
    JsonNode overview = get("/overview");
    return Texts.count(overview.path("taskmanagers").asLong(), "task manager")
        + " with "
        + Texts.count(overview.path("slots-total").asLong(), "slot")
        + ", "
        + overview.path("slots-available").asLong()
        + " free";
  }

  /** Task slots of the task managers that are there now. */
  int slots() {
    return get("/overview").path("slots-total").asInt();
  }

  /** After how long without a sign of life this cluster gives a task manager up. */
  Duration heartbeatTimeout() {
    for (JsonNode setting : get("/jobmanager/config")) {
      if (setting.path("key").asText().equals(HeartbeatManagerOptions.HEARTBEAT_TIMEOUT.key())) {
        String value = setting.path("value").asText();
        return value.matches("[0-9]+")
            ? Duration.ofMillis(Long.parseLong(value))
            : TimeUtils.parseDuration(value);
      }
    }
    return Duration.ofMillis(HeartbeatManagerOptions.HEARTBEAT_TIMEOUT.defaultValue());
  }

  /** All jobs that the cluster remembers. */
  List<Job> jobs() {
    List<Job> jobs = new ArrayList<>();
    for (JsonNode job : get("/jobs/overview").path("jobs")) {
      jobs.add(
          new Job(job.path("jid").asText(), job.path("name").asText(), job.path("state").asText()));
    }
    return jobs;
  }

  /** State and tasks of a job. */
  JsonNode job(String id) {
    return get("/jobs/" + id);
  }

  /** What has failed of a job so far. */
  JsonNode exceptions(String id) {
    return get("/jobs/" + id + "/exceptions");
  }

  /** Asks for an end to a job; it has ended when its state says so. */
  void cancel(String id) {
    send(
        HttpRequest.newBuilder(uri("/jobs/" + id + "?mode=cancel"))
            .method("PATCH", HttpRequest.BodyPublishers.noBody()));
  }

  private JsonNode get(String path) {
    String body = send(HttpRequest.newBuilder(uri(path)).GET());
    try {
      return JSON.readTree(body);
    } catch (IOException e) {
      throw new ClusterException(master + ": something answers that is not Flink", e);
    }
  }

  private URI uri(String path) {
    try {
      return URI.create("http://" + master + path);
    } catch (IllegalArgumentException e) {
      throw new ClusterException(master + ": no host:port", e);
    }
  }

  private String send(HttpRequest.Builder request) {
    try {
      HttpResponse<String> response =
          http.send(request.timeout(ANSWERING).build(), HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() >= 400) {
        throw new ClusterException(
            master
                + ": "
                + response.request().uri().getPath()
                + " was answered with HTTP status "
                + response.statusCode());
      }
      return response.body();
    } catch (IOException e) {
      throw new ClusterException(
          "no Flink cluster answers at "
              + master
              + " ("
              + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage())
              + "); its job manager's REST port is asked for",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClusterException(master + ": interrupted", e);
    }
  }
}
