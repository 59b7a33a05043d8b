package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** Paths as people type them, to paths as Beam takes them. */
final class Locations {
  private static final Pattern REMOTE = Pattern.compile("([a-zA-Z][a-zA-Z0-9+.-]*)://.*");

  private Locations() {}

  /**
   * A path that means the same from any working directory: a local one absolute, without '.' and
   * '..'; one with a scheme as it is.
   *
   * @throws BadInputException if its scheme is of no filesystem in this build
   */
  static String of(String typed) throws IOException {
    Matcher remote = REMOTE.matcher(typed);
    if (typed.startsWith("file:/")) {
      try {
        return local(Path.of(URI.create(typed.replaceFirst("^file:/+", "file:///"))));
      } catch (IllegalArgumentException e) {
        throw new BadInputException(typed + ": no file URI: " + e.getMessage(), e);
      }
    }
    if (!remote.matches()) {
      try {
        return local(Path.of(typed));
      } catch (InvalidPathException e) {
        throw new BadInputException("no path: " + e.getMessage(), e);
      }
    }
    // Beam knows local files without being asked; finding its other filesystems takes a second.
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
    try {
      FileSystems.matchNewResource(typed, false);
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new BadInputException(
          typed + ": no filesystem for '" + remote.group(1) + "://' in this build", e);
    }
    return typed;
  }

  /**
   * A round, where plans and uplinks are; its outputs, where it has versions, are those of the
   * current one, or of the version that was typed.
   */
  static RoundDirectory round(String typed) throws IOException {
    try {
      return Versions.resolve(of(typed));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  /** A round whatever versions it has: for those who write plans and uplinks. */
  static RoundDirectory inputs(String typed) throws IOException {
    try {
      return new RoundDirectory(of(typed));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  /** A directory of scores; with versions as a round. */
  static ScoreDirectory scores(String typed) throws IOException {
    RoundDirectory directory = round(typed);
    return new ScoreDirectory(directory.root(), directory.outputs());
  }

  /** A file that must exist. */
  static MatchResult.Metadata existing(String typed) throws IOException {
    String path = of(typed);
    if (!REMOTE.matcher(path).matches()) {
      java.io.File file = new java.io.File(path);
      if (!file.exists()) {
        throw new BadInputException(path + ": no such file");
      }
      if (file.isDirectory()) {
        throw new BadInputException(path + ": a directory, expected a file");
      }
    }
    Optional<MatchResult.Metadata> found = Storage.find(path);
    return found.orElseThrow(() -> new BadInputException(path + ": no such file"));
  }

  /**
   * A directory to write to, which need not exist.
   *
   * @throws BadInputException if it is a file
   */
  static String output(String typed) throws IOException {
    String path = inputs(typed).root();
    if (Storage.find(path).isPresent() && !isLocalDirectory(path)) {
      throw new BadInputException(path + ": a file, expected a directory");
    }
    return path;
  }

  /** Whether a path is a directory of this machine. */
  static boolean isLocalDirectory(String path) {
    return !REMOTE.matcher(path).matches() && new java.io.File(path).isDirectory();
  }

  private static String local(Path path) throws IOException {
    Path at = path.toAbsolutePath().getRoot();
    for (Path name : path.toAbsolutePath()) {
      if (name.toString().equals("..")) {
        Path real = at.toFile().exists() ? at.toRealPath() : at; // '..' of a link's target
        at = real.getParent() == null ? real : real.getParent();
      } else if (!name.toString().equals(".")) {
        at = at.resolve(name);
      }
    }
    return at.toString();
  }
}
