package dev.sluice.runners;

import java.io.PrintStream;
import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar on a terminal's error stream. */
final class ConsoleProgress implements Progress {
  private static final int COLUMNS = 100;

  /** A bar appears only where the work takes longer than this. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final PrintStream terminal;

  ConsoleProgress(PrintStream terminal) {
    this.terminal = terminal;
  }

  /** A bar where a person watches; nothing where output goes to a file or a pipe. */
  @SuppressWarnings("SystemConsoleNull") // a console that is no terminal is asked about as well
  static Progress onTerminal() {
    return System.console() == null || !isTerminal() ? NONE : new ConsoleProgress(System.err);
  }

  /** From JDK 22 on there is a console without a terminal; it says so. */
  private static boolean isTerminal() {
    try {
      return (Boolean) java.io.Console.class.getMethod("isTerminal").invoke(System.console());
    } catch (ReflectiveOperationException e) {
      return true;
    }
  }

  @Override
  public Task begin(String what, long total, String unit) {
    long begun = System.nanoTime();
    return new Task() {
      private ProgressBar bar;

      @Override
      public void at(long done) {
        if (bar == null && System.nanoTime() - begun > PATIENCE.toNanos()) {
          bar =
              new ProgressBarBuilder()
                  .setTaskName(what)
                  .setInitialMax(total)
                  .setUnit(" " + unit, 1)
                  .setStyle(ProgressBarStyle.ASCII)
                  .setUpdateIntervalMillis(500)
                  .setConsumer(new ConsoleProgressBarConsumer(terminal, COLUMNS))
                  .build();
        }
        if (bar != null) {
          bar.stepTo(Math.min(done, total));
        }
      }

      @Override
      public void close() {
        if (bar != null) {
          bar.close();
        }
      }
    };
  }
}
