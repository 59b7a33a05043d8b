package dev.sluice.runners;

import java.io.PrintWriter;
import java.io.StringWriter;

/** The command line, in this process. */
final class Cli {
  /** How a command ended and what it said. */
  record Result(int code, String out, String err) {
    @Override
    public String toString() {
      return "exit " + code + "\n" + out + err;
    }
  }

  private Cli() {}

  static Result run(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Sluice.run(new PrintWriter(out), new PrintWriter(err), args);
    return new Result(code, out.toString(), err.toString());
  }
}
