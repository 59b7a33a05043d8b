package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which failures of tasks are the input's, and which are for Flink to try again. */
class TaskFaultTest {
  private static Optional<TaskFault> of(String... lines) {
    return TaskFault.of(
        new ObjectMapper()
            .createObjectNode()
            .put("endpoint", "host:4711")
            .put("stacktrace", String.join("\n", lines) + "\n"));
  }

  @Test
  void ourOwnWordsAreFinal() {
    assertThat(
        of(
            "java.lang.RuntimeException: wrapped",
            "\tat org.apache.flink.runtime.taskmanager.Task.run(Task.java:566)",
            "Caused by: dev.sluice.transforms.round.BadInputException: /r/plan.json: no such file",
            "\tat dev.sluice.transforms.uplink.ListUplinks$ListFn.list(ListUplinks.java:70)"),
        is(Optional.of(new TaskFault("/r/plan.json: no such file", true))));
  }

  @Test
  void aFullDiskIsFinalAndSaysWhose() {
    assertThat(
        of(
            "java.io.IOException: No space left on device",
            "\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)",
            "\tat dev.sluice.transforms.storage.DigestingChannel.write(DigestingChannel.java:24)",
            "\tat org.apache.flink.runtime.taskmanager.Task.run(Task.java:566)"),
        is(Optional.of(new TaskFault("task manager host:4711: No space left on device", true))));
    assertThat(
        of(
            "java.lang.RuntimeException: x",
            "Caused by: java.io.IOException: No space left on device",
            "\tat org.apache.flink.runtime.io.network.partition.PartitionedFileWriter.write(P.java:1)",
            "\tat dev.sluice.transforms.uplink.ReadUplink$ReadFn.read(ReadUplink.java:90)"),
        is(
            Optional.of(
                new TaskFault(
                    "task manager host:4711, among Flink's own temporary files (io.tmp.dirs): No"
                        + " space left on device",
                    true))));
  }

  @Test
  void anErrorOfOurFilesMayPass() {
    assertThat(
        of(
            "java.lang.RuntimeException: x",
            "Caused by: java.io.IOException: Stale file handle",
            "\tat java.base/java.io.FileInputStream.read(FileInputStream.java:1)",
            "\tat dev.sluice.transforms.storage.RangeReader.read(RangeReader.java:40)"),
        is(Optional.of(new TaskFault("task manager host:4711: Stale file handle", false))));
  }

  @Test
  void whatIsLostOnTheWayIsFlinksToTryAgain() {
    assertThat(
        of(
            "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException:"
                + " Connection unexpectedly closed by remote task manager 'x'",
            "\tat org.apache.flink.runtime.io.network.netty.Client.x(Client.java:1)"),
        is(Optional.empty()));
    assertThat(
        of(
            "java.lang.RuntimeException: x",
            "Caused by: java.io.IOException: Connection reset by peer",
            "\tat org.apache.flink.shaded.netty4.io.netty.channel.X.read(X.java:1)"),
        is(Optional.empty()));
  }
}
