package dev.sluice.transforms.simulation;

import dev.sluice.transforms.channel.Dither;

/** Lines of made-up words in which each word has a few that like to follow it. */
public final class MadeUpText {
  private MadeUpText() {}

  /**
   * A text.
   *
   * @param types different words at most
   */
  public static String of(int lines, int types, long seed) {
    StringBuilder text = new StringBuilder();
    long draw = seed << 32;
    int word = 0;
    for (int line = 0; line < lines; line++) {
      int length = 4 + (int) Math.floorMod(Dither.mix(draw++), 9L);
      for (int i = 0; i < length; i++) {
        long hash = Dither.mix(draw++);
        double u = (hash >>> 11) * 0x1p-53;
        word =
            hash % 3 == 0
                ? (int) (types * u * u * u) // anything, the first most often
                : (int) Math.floorMod(Dither.mix(word * 4L + (hash & 3)), (long) types);
        text.append(i == 0 ? "" : " ").append('w').append(word);
      }
      text.append('\n');
    }
    return text.toString();
  }
}
