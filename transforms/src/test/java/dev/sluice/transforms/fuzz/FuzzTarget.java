package dev.sluice.transforms.fuzz;

/** A parser of bytes from outside, under a fuzzer. */
@FunctionalInterface
public interface FuzzTarget {
  /**
   * Reads what may be anything. Of its parser it catches the exceptions that are documented, and no
   * others; it throws what breaks a promise.
   *
   * @return whether all of the input was taken for what it should be
   */
  boolean accepts(byte[] input) throws Exception;
}
