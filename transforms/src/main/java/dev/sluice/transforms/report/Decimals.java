package dev.sluice.transforms.report;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Numbers for people, the same on every JDK. */
final class Decimals {
  private static final MathContext SHOWN = new MathContext(4, RoundingMode.HALF_EVEN);
  private static final String SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

  private Decimals() {}

  /** Four significant digits at most; below 10^-4 and from 10^6 on in powers of ten. */
  static String of(double value) {
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
    }
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size < 1e6 && value == Math.rint(value)) {
      return sign(value) + count((long) size);
    }
    BigDecimal rounded = new BigDecimal(size).round(SHOWN).stripTrailingZeros();
    if (size >= 1e-4 && size < 1e6) {
      return sign(value) + rounded.toPlainString();
    }
    int exponent = rounded.precision() - rounded.scale() - 1;
    return sign(value)
        + rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString()
        + "\u2009×\u200910"
        + superscript(exponent);
  }

  /** A whole number, its thousands apart from five digits on. */
  static String count(long value) {
    String digits = Long.toString(Math.abs(value));
    StringBuilder text = new StringBuilder(digits);
    if (digits.length() > 4) {
      for (int i = digits.length() - 3; i > 0; i -= 3) {
        text.insert(i, '\u2009');
      }
    }
    return sign(value) + text;
  }

  /** A count with its noun, which takes an s. */
  static String count(long value, String noun) {
    return count(value) + "\u00a0" + noun + (value == 1 ? "" : "s");
  }

  /** A fraction as a percentage, three significant digits at most. */
  static String percent(double fraction) {
    if (!Double.isFinite(100 * fraction)) {
      return of(fraction);
    }
    double rounded =
        new BigDecimal(100 * fraction)
            .round(new MathContext(3, RoundingMode.HALF_EVEN))
            .doubleValue();
    return of(rounded) + "\u2009%";
  }

  /** The shortest decimal that is this number and no other. */
  static String exact(double value) {
    String text = NumberOutput.toString(value, true);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }

  private static String sign(double value) {
    return value < 0 ? "−" : "";
  }

  private static String superscript(int exponent) {
    StringBuilder text = new StringBuilder(exponent < 0 ? "⁻" : "");
    for (char digit : Integer.toString(Math.abs(exponent)).toCharArray()) {
      text.append(SUPERSCRIPTS.charAt(digit - '0'));
    }
    return text.toString();
  }
}
