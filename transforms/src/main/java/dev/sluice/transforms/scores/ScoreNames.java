package dev.sluice.transforms.scores;

import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What queries, groups and candidates may be called: 1 to 256 bytes of plain text. */
public final class ScoreNames {
  /** Longest name in bytes of UTF-8. */
  public static final int MAX_BYTES = 256;

  private ScoreNames() {}

  /** What is wrong with a name, for people; empty if nothing is. */
  public static Optional<String> fault(String name) {
    if (name.isEmpty()) {
      return Optional.of("is empty");
    }
    if (name.length() > MAX_BYTES || name.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
      return Optional.of("has more than " + MAX_BYTES + " bytes");
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean lone =
          Character.isSurrogate(c)
              && !(Character.isHighSurrogate(c)
                      && i + 1 < name.length()
                      && Character.isLowSurrogate(name.charAt(i + 1))
                  || Character.isLowSurrogate(c)
                      && i > 0
                      && Character.isHighSurrogate(name.charAt(i - 1)));
      if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029' || turnsText(c) || lone) {
        return Optional.of("has a character that is no text");
      }
    }
    return Optional.empty();
  }

  /**
   * The order of names: by code point, which is that of their UTF-8 bytes, so that a reader in any
   * language can do it. (Java's own order of strings is not, beyond the basic plane.)
   */
  public static int compare(String a, String b) {
    int shorter = Math.min(a.length(), b.length());
    for (int i = 0; i < shorter; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean surrogate = Character.isSurrogate(x);
        return surrogate == Character.isSurrogate(y) ? Character.compare(x, y) : surrogate ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }

  /** Marks that make a terminal or an editor show other text than is there. */
  private static boolean turnsText(char c) {
    return (c >= '\u202a' && c <= '\u202e')
        || (c >= '\u2066' && c <= '\u2069')
        || c == '\u200e'
        || c == '\u200f'
        || c == '\u061c'
        || c == '\ufeff';
  }

  /** What is wrong with a list of candidates; empty if nothing is. */
  public static Optional<String> listFault(List<String> candidates) {
    Set<String> seen = new HashSet<>();
    for (String candidate : candidates) {
      Optional<String> fault = fault(candidate);
      if (fault.isPresent()) {
        return Optional.of("a name that " + fault.get());
      }
      if (!seen.add(candidate)) {
        return Optional.of("'" + candidate + "' twice");
      }
    }
    return Optional.empty();
  }
}
