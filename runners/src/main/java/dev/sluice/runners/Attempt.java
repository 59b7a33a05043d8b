package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * One run of a pipeline that writes aside before it commits. Whatever it leaves aside is gone when
 * it has ended, however it ended.
 *
 * @param what a word for people
 * @param root what is written to, for messages
 * @param asides directories of this attempt alone; how far it has come is read off the first
 */
record Attempt(String what, String root, List<String> asides) {
  private static final long POLL_MILLIS = 500;

  /**
   * How much there is to do.
   *
   * @param total in units
   * @param unit for people
   * @param bytesPerUnit what the first aside grows by
   */
  record Work(long total, String unit, double bytesPerUnit) {}

  /** Reads what an attempt has left aside. */
  interface Result<T> {
    T read() throws IOException;
  }

  /**
   * Runs a pipeline and waits for it.
   *
   * @param result called once the pipeline has ended well, before what lies aside is deleted
   * @throws IOException if input cannot be used or files cannot be written
   */
  <T> T run(
      RunnerChoice runner, Progress progress, Work work, Consumer<Pipeline> build, Result<T> result)
      throws IOException {
    Thread clearUp = new Thread(this::clearUp, "sluice-clear-up");
    Runtime.getRuntime().addShutdownHook(clearUp); // an interrupted attempt leaves nothing either
    try {
      Callable<Void> engine =
          () -> {
            Engines.run(runner, "sluice-" + what + " " + root, build);
            return null;
          };
      FutureTask<Void> job = new FutureTask<>(engine);
      Thread worker = new Thread(job, "sluice-" + what);
      worker.setDaemon(true);
      worker.start();
      try (Progress.Task task = progress.begin(what, work.total(), work.unit())) {
        await(job, work.bytesPerUnit(), task);
      }
      return result.read();
    } catch (ExecutionException e) {
      throw failure(e.getCause());
    } finally {
      clearUp();
      removeHook(clearUp);
    }
  }

  /**
   * Waits for a job. How far it has come is read off what it has written aside, which any runner on
   * any machine does; counters reach this process only from some.
   */
  private void await(FutureTask<Void> job, double bytesPerUnit, Progress.Task task)
      throws ExecutionException, IOException {
    long most = 0;
    while (true) {
      try {
        job.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
        return;
      } catch (TimeoutException e) {
        long bytes = 0;
        for (MatchResult.Metadata file : Storage.match(asides.get(0) + "/*")) {
          bytes += file.sizeBytes();
        }
        most = Math.max(most, (long) (bytes / bytesPerUnit)); // files that are in place are gone
        task.at(most);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }

  private IOException failure(Throwable failure) {
    if (failure instanceof ClusterException broken) {
      throw broken;
    }
    return Failures.badInput(failure)
        .<IOException>map(
            message ->
                new BadInputException(
                    message.contains("No space left on device")
                        ? root + ": " + message + "; nothing was committed"
                        : message,
                    failure))
        .orElseGet(
            () -> {
              if (failure instanceof Error error) {
                throw error;
              }
              throw new IllegalStateException(Failures.unexpected(failure), failure);
            });
  }

  private void clearUp() {
    asides.forEach(Attempt::delete);
  }

  /** Deletes a directory as far as that goes. */
  static void delete(String directory) {
    for (int tries = 3; tries > 0; tries--) {
      try {
        Storage.deleteTree(directory);
        return;
      } catch (IOException | RuntimeException e) {
        // A part of a failed job may still be writing; what remains is hidden and means nothing.
      }
    }
  }

  /** Takes a hook back where there is still time. */
  static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // shutting down: the hook is running
    }
  }
}
