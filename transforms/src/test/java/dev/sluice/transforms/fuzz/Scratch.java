package dev.sluice.transforms.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files for parsers that open theirs by name. */
public final class Scratch {
  private static final Path ROOT = root();

  private Scratch() {}

  private static Path root() {
    try {
      Path root = Files.createTempDirectory("sluice-fuzz-");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(root)));
      return root;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path root) {
    try (java.util.stream.Stream<Path> tree = Files.walk(root)) {
      tree.sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file of this content, in place of the last of this name. */
  public static Path file(String name, byte[] content) throws IOException {
    Path file = ROOT.resolve(name);
    if (!Files.exists(file.getParent())) {
      Files.createDirectories(file.getParent());
    }
    return Files.write(file, content);
  }

  /** The directory of all of them. */
  public static Path directory() {
    return ROOT;
  }
}
