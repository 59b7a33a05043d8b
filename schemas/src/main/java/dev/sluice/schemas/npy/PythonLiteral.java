package dev.sluice.schemas.npy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Recursive-descent reader of the Python literals that an npy header may hold: strings without
 * escapes, integers of 64 bits (with Python 2's {@code L} or without), True, False, None, tuples,
 * lists and dicts with string keys, nested at most {@value #MAX_DEPTH} deep.
 *
 * <p>Values are String, Long, Boolean, {@link None}, {@link Tuple}, List and Map.
 */
final class PythonLiteral {
  private static final int MAX_DEPTH = 16;

  private final String text;
  private final String name;
  private int at;

  /** A Python tuple, which is not a list: {@code (3)} is neither. */
  record Tuple(List<Object> items) {
    @Override
    public String toString() {
      StringBuilder shown = new StringBuilder("(");
      for (int i = 0; i < items.size(); i++) {
        shown.append(i == 0 ? "" : ", ").append(show(items.get(i)));
      }
      return shown.append(items.size() == 1 ? ",)" : ")").toString();
    }
  }

  /** Python's None. */
  enum None {
    NONE
  }

  private PythonLiteral(String text, String name) {
    this.text = text;
    this.name = name;
  }

  /** The whole of {@code text} as one dict, white space around it aside. */
  static Map<String, Object> dict(String text, String name) throws NpyException {
    PythonLiteral reader = new PythonLiteral(text, name);
    reader.skipSpace();
    if (reader.peek() != '{') {
      throw reader.unexpected("'{'");
    }
    Map<String, Object> fields = reader.dict(0);
    reader.skipSpace();
    if (reader.at < text.length()) {
      throw reader.unexpected("nothing after the dict");
    }
    return fields;
  }

  /** As Python would print it, cut to 80 characters. */
  static String show(Object value) {
    String shown;
    if (value instanceof String s) {
      shown = "'" + s + "'";
    } else if (value instanceof Boolean b) {
      shown = b ? "True" : "False";
    } else if (value instanceof None) {
      shown = "None";
    } else if (value instanceof List<?> list) {
      shown = list.stream().map(PythonLiteral::show).toList().toString();
    } else {
      shown = String.valueOf(value);
    }
    return shown.length() <= 80 ? shown : shown.substring(0, 77) + "...";
  }

  private Object value(int depth) throws NpyException {
    if (depth > MAX_DEPTH) {
      throw unexpected("at most " + MAX_DEPTH + " levels of nesting");
    }
    skipSpace();
    int c = peek();
    if (c == '\'' || c == '"') {
      return string();
    } else if (c == '{') {
      return dict(depth);
    } else if (c == '[') {
      at++;
      return items(']', depth).list();
    } else if (c == '(') {
      at++;
      Items items = items(')', depth);
      boolean parenthesised = items.list().size() == 1 && items.commas() == 0;
      return parenthesised ? items.list().get(0) : new Tuple(items.list());
    } else if (c == '-' || isDigit(c)) {
      return integer();
    } else if (isLetter(c)) {
      return word();
    }
    throw unexpected("a value");
  }

  private Map<String, Object> dict(int depth) throws NpyException {
    at++;
    Map<String, Object> fields = new LinkedHashMap<>();
    while (true) {
      skipSpace();
      if (peek() == '}') {
        at++;
        return fields;
      }
      int c = peek();
      if (c != '\'' && c != '"') {
        throw unexpected("a quoted key or '}'");
      }
      String key = string();
      skipSpace();
      if (peek() != ':') {
        throw unexpected("':' after '" + key + "'");
      }
      at++;
      if (fields.containsKey(key)) {
        throw unexpected("'" + key + "' only once");
      }
      fields.put(key, value(depth + 1));
      skipSpace();
      if (peek() == ',') {
        at++;
      } else if (peek() != '}') {
        throw unexpected("',' or '}'");
      }
    }
  }

  private record Items(List<Object> list, int commas) {}

  private Items items(char close, int depth) throws NpyException {
    List<Object> list = new ArrayList<>();
    int commas = 0;
    while (true) {
      skipSpace();
      if (peek() == close) {
        at++;
        return new Items(list, commas);
      }
      list.add(value(depth + 1));
      skipSpace();
      if (peek() == ',') {
        at++;
        commas++;
      } else if (peek() != close) {
        throw unexpected("',' or '" + close + "'");
      }
    }
  }

  private String string() throws NpyException {
    char quote = text.charAt(at++);
    int start = at;
    while (at < text.length() && text.charAt(at) != quote) {
      char c = text.charAt(at);
      if (c == '\\' || c == '\n' || c == '\r') {
        throw unexpected("a string without escapes or line ends");
      }
      at++;
    }
    if (at == text.length()) {
      throw unexpected("a closing " + quote);
    }
    return text.substring(start, at++);
  }

  private Long integer() throws NpyException {
    int start = at;
    if (peek() == '-') {
      at++;
    }
    int firstDigit = at;
    while (isDigit(peek())) {
      at++;
    }
    if (at == firstDigit) {
      throw unexpected("a digit");
    }
    String digits = text.substring(start, at);
    if (peek() == 'L') {
      at++;
    }
    if (isLetter(peek()) || isDigit(peek()) || peek() == '.') {
      throw unexpected("an integer");
    }
    try {
      return Long.valueOf(digits);
    } catch (NumberFormatException e) {
      at = start;
      NpyException failure = unexpected("an integer below 2^63");
      failure.initCause(e);
      throw failure;
    }
  }

  private Object word() throws NpyException {
    int start = at;
    while (isLetter(peek()) || isDigit(peek())) {
      at++;
    }
    String word = text.substring(start, at);
    if (word.equals("True") || word.equals("False")) {
      return word.equals("True");
    }
    if (word.equals("None")) {
      return None.NONE;
    }
    at = start;
    throw unexpected("True, False or None");
  }

  private void skipSpace() {
    while (at < text.length() && " \t\r\n\f".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  /** The character at hand, or -1 at the end. */
  private int peek() {
    return at < text.length() ? text.charAt(at) : -1;
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isLetter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  private NpyException unexpected(String expected) {
    String rest =
        at >= text.length()
            ? "its end"
            : "«" + text.substring(at, Math.min(text.length(), at + 20));
    return new NpyException(
        name,
        "header text does not parse: at character "
            + at
            + " found "
            + rest
            + (at >= text.length() ? "" : "»")
            + ", expected "
            + expected);
  }
}
