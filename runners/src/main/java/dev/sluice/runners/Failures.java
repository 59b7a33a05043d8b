package dev.sluice.runners;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.flink.util.SerializedThrowable;

/**
 * What went wrong, for people: runners wrap an exception in their own, several deep; what matters
 * is the IOException inside, whose message names the file and what was expected of it.
 */
final class Failures {
  private Failures() {}

  /**
   * Message of the problem with input or files that is behind a failure; empty if there is none.
   */
  static Optional<String> badInput(Throwable failure) {
    if (cluster(failure).isPresent()) {
      return Optional.empty(); // that a connection broke is an IOException as well
    }
    Optional<String> contents = contents(failure);
    if (contents.isPresent()) {
      return contents;
    }
    List<Throwable> chain = chain(failure);
    for (Throwable link : chain) {
      if (link instanceof IOException problem) {
        return Optional.of(message(problem));
      }
      if (link instanceof SerializedThrowable serialized
          && serialized.getOriginalErrorClassName().endsWith("Exception")
          && serialized.getMessage() != null
          && serialized.getMessage().startsWith(serialized.getOriginalErrorClassName() + ": ")
          && isIoException(serialized.getOriginalErrorClassName())) {
        return Optional.of(
            serialized.getMessage().substring(serialized.getOriginalErrorClassName().length() + 2));
      }
    }
    return Optional.empty();
  }

  /**
   * Message of what is wrong with the contents of a file behind a failure; empty if it is something
   * else, a disk say.
   */
  static Optional<String> contents(Throwable failure) {
    return chain(failure).stream()
        .filter(link -> link instanceof IOException)
        .filter(link -> link.getClass().getName().startsWith("dev.sluice."))
        .map(Throwable::getMessage)
        .findFirst();
  }

  /** What is wrong with the Flink cluster behind a failure; empty if that is not what failed. */
  static Optional<String> cluster(Throwable failure) {
    return chain(failure).stream()
        .filter(ClusterException.class::isInstance)
        .map(link -> oneLine(link.getMessage()))
        .findFirst();
  }

  /** One line on a failure that is nobody's input. */
  static String unexpected(Throwable failure) {
    List<Throwable> chain = chain(failure);
    for (Throwable link : chain) {
      if (link instanceof OutOfMemoryError) {
        return "out of memory (" + link.getMessage() + "); a larger heap: SLUICE_JAVA_OPTS=-Xmx2g";
      }
    }
    Throwable root = chain.get(chain.size() - 1);
    return oneLine(root.getClass().getSimpleName() + ": " + root.getMessage());
  }

  private static String message(IOException failure) {
    if (failure instanceof NoSuchFileException missing) {
      return missing.getFile() + ": no such file";
    }
    if (failure instanceof AccessDeniedException denied) {
      return denied.getFile() + ": permission denied";
    }
    if (failure instanceof FileSystemException problem && problem.getReason() == null) {
      return problem.getFile() + ": " + problem.getClass().getSimpleName();
    }
    if (failure instanceof FileNotFoundException && failure.getMessage() != null) {
      return failure.getMessage(); // "<file> (No such file or directory)" or our own words
    }
    return oneLine(
        failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage());
  }

  private static boolean isIoException(String className) {
    try {
      return IOException.class.isAssignableFrom(Class.forName(className));
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static List<Throwable> chain(Throwable failure) {
    List<Throwable> chain = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable link = failure; link != null && seen.add(link); link = link.getCause()) {
      chain.add(link);
    }
    return chain;
  }

  private static String oneLine(String text) {
    return text.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
