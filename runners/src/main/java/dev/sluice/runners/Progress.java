package dev.sluice.runners;

/** Hears how far a long piece of work has come. */
public interface Progress {
  /** One piece of work; closed when it ends, however it ends. */
  interface Task extends AutoCloseable {
    /** Says how much of the total is done. */
    void at(long done);

    @Override
    void close();
  }

  /** Says nothing. */
  Progress NONE =
      (what, total, unit) ->
          new Task() {
            @Override
            public void at(long done) {}

            @Override
            public void close() {}
          };

  /**
   * Begins a piece of work.
   *
   * @param what a word for people
   * @param total how much there is
   * @param unit of the total
   */
  Task begin(String what, long total, String unit);
}
