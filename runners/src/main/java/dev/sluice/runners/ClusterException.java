package dev.sluice.runners;

/**
 * A Flink cluster that cannot be reached, or cannot run a job to its end, for no fault of the
 * input: to be run again once it is mended.
 */
final class ClusterException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * @param message names the cluster
   */
  ClusterException(String message) {
    super(message);
  }

  ClusterException(String message, Throwable cause) {
    super(message, cause);
  }
}
