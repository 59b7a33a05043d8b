package dev.sluice.runners;

import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ServedSwarm;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.apache.beam.sdk.Pipeline;

/**
 * One attempt at a step in a directory of scores, in this process. It writes below a directory of
 * its own inside that one, which is gone when the attempt has ended, however it ended.
 */
final class ScoreAttempt {
  private ScoreAttempt() {}

  /**
   * Runs a pipeline to its end.
   *
   * @param what the step
   * @param build adds the transforms; the text is the attempt's name
   * @return the document that the pipeline leaves aside to say how it ended
   * @throws IOException if input cannot be used, or the runner ended without such a document
   */
  static byte[] run(
      RunnerChoice runner,
      String what,
      ScoreDirectory directory,
      BiConsumer<Pipeline, String> build)
      throws IOException {
    String attempt = UUID.randomUUID().toString();
    String aside = directory.aside(attempt);
    Thread clearUp = new Thread(() -> delete(aside), "sluice-clear-up");
    Runtime.getRuntime().addShutdownHook(clearUp); // an interrupted attempt leaves nothing either
    try {
      Engines.run(runner, "sluice-" + what, pipeline -> build.accept(pipeline, attempt));
      return Storage.read(ServedSwarm.outcome(aside), PlainJson.MAX_BYTES);
    } catch (FileNotFoundException e) {
      throw new IOException(
          directory.root()
              + ": the runner ended without a word on how (out of memory? a larger heap:"
              + " SLUICE_JAVA_OPTS=-Xmx2g); run it again",
          e);
    } catch (RuntimeException e) {
      throw failure(e, directory);
    } finally {
      delete(aside);
      removeHook(clearUp);
    }
  }

  private static IOException failure(RuntimeException failure, ScoreDirectory directory) {
    String message =
        Failures.badInput(failure)
            .orElseThrow(() -> new IllegalStateException(Failures.unexpected(failure), failure));
    return new BadInputException(
        message.contains("No space left on device")
            ? directory.root() + ": " + message + "; nothing was committed"
            : message,
        failure);
  }

  private static void delete(String directory) {
    for (int tries = 3; tries > 0; tries--) {
      try {
        Storage.deleteTree(directory);
        return;
      } catch (IOException | RuntimeException e) {
        // A part of a failed job may still be writing; what remains is hidden and means nothing.
      }
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // shutting down: the hook is running
    }
  }
}
