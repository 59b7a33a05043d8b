package dev.sluice.transforms.channel;

/**
 * A logit that has no place in a softmax: NaN, +infinity, a forbidden -infinity, or a row without a
 * finite value.
 */
public final class BadLogitException extends Exception {
  private static final long serialVersionUID = 1;

  private final int row;
  private final int coordinate;
  private final double value;

  public BadLogitException(int row, int coordinate, double value, String expected) {
    super("row " + row + ", coordinate " + coordinate + ": " + value + ", expected " + expected);
    this.row = row;
    this.coordinate = coordinate;
    this.value = value;
  }

  /** The row within the array that was centred, from 0. */
  public int row() {
    return row;
  }

  /** The coordinate within the row, from 0. */
  public int coordinate() {
    return coordinate;
  }

  /** The offending logit. */
  public double value() {
    return value;
  }
}
