package dev.sluice.runners;

import dev.sluice.schemas.CurrentVersion;
import dev.sluice.schemas.RecomputeInput;
import dev.sluice.schemas.VersionState;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;

/**
 * The versions of a round, on this machine's filesystem: each in a directory that appears whole and
 * is never written to again, and one of them the current one. FORMAT.md 14.1.
 *
 * @param root the round
 */
record Versions(Path root) {
  private static final String CURRENT = "current.json";
  private static final String VERSIONS = "versions";
  private static final String STATE = RoundDirectory.CACHE + "/state.json";
  private static final String CONDEMNED = RoundDirectory.CACHE + "/damaged.json";
  private static final String FULL_REPORT = "report/full.html";
  private static final String CURRENT_FORMAT = "sluice-current-1";

  /** Value of the field 'format' of a version's state. */
  static final String STATE_FORMAT = "sluice-version-1";

  private static final Pattern NAME = Pattern.compile("[0-9]{4,9}");
  private static final Set<String> DOCUMENTS = Set.of("manifest.json", "threshold.json");

  /** One version, and what it was made from. */
  record Version(String name, VersionState state) {}

  // ---- for commands ----

  /**
   * A round as it was typed: its current version, where it has one; or one of its versions.
   *
   * @throws IOException if the current version is not there
   */
  static RoundDirectory resolve(String path) throws IOException {
    RoundDirectory plain = new RoundDirectory(path);
    if (!Storage.isLocal(path)) {
      return plain;
    }
    Path at = Path.of(plain.root());
    Path above = at.getParent();
    if (above != null
        && above.endsWith(VERSIONS)
        && NAME.matcher("" + at.getFileName()).matches()) {
      Path round = above.getParent();
      return Files.exists(round.resolve(CURRENT)) || isInput(round)
          ? new RoundDirectory(round.toString(), plain.root())
          : plain;
    }
    Versions versions = new Versions(at);
    if (!Files.exists(at.resolve(CURRENT)) || !isInput(at)) {
      return plain;
    }
    CurrentVersion current;
    try {
      current = versions.readCurrent();
    } catch (BadInputException | JsonDocumentException e) {
      throw new BadInputException(e.getMessage() + "; 'sluice recompute' mends it", e);
    }
    Path outputs = versions.directory(current.getVersion());
    if (!Files.isDirectory(outputs)) {
      throw new BadInputException(
          at.resolve(CURRENT)
              + ": names version "
              + current.getVersion()
              + ", which is not there; 'sluice recompute' makes it again");
    }
    return plain.withOutputs(outputs.toString());
  }

  private static boolean isInput(Path round) {
    return Files.exists(round.resolve("plan.json")) || Files.isDirectory(round.resolve("scores"));
  }

  /** Refuses to write into a round what its versions have. */
  static void checkNone(String root, String command) throws IOException {
    if (Storage.isLocal(root) && Files.exists(Path.of(root, CURRENT))) {
      throw new BadInputException(
          root
              + ": this round has versions, of which "
              + CURRENT
              + " names the one in use: 'sluice recompute --root "
              + Texts.shellWord("" + Path.of(root).getParent())
              + "' makes the next. ('sluice "
              + command
              + "' writes over what it wrote before.)");
    }
  }

  // ---- for recomputations ----

  /** The directory of a version. */
  Path directory(String version) {
    return root.resolve(VERSIONS).resolve(version);
  }

  /** The current version; empty where there is none, or it is not as it was committed. */
  Optional<Version> current() throws IOException {
    CurrentVersion current;
    try {
      current = readCurrent();
    } catch (NoSuchFileException | BadInputException | JsonDocumentException e) {
      return Optional.empty();
    }
    return read(current.getVersion())
        .filter(version -> version.state().getSha256().equals(current.getSha256()));
  }

  /** Whether there are any. */
  boolean exist() throws IOException {
    return Files.isDirectory(root.resolve(VERSIONS)) && !names().isEmpty();
  }

  private CurrentVersion readCurrent() throws IOException {
    Path file = root.resolve(CURRENT);
    CurrentVersion current = document(CurrentVersion.class, CurrentVersion.getClassSchema(), file);
    if (!current.getFormat().equals(CURRENT_FORMAT)
        || !NAME.matcher(current.getVersion()).matches()) {
      throw new BadInputException(
          file
              + ": found format '"
              + Texts.printable(current.getFormat())
              + "' and version '"
              + Texts.printable(current.getVersion())
              + "', expected '"
              + CURRENT_FORMAT
              + "' and a number");
    }
    return current;
  }

  /** A version, if the document that names the rest of it is the one that was written. */
  Optional<Version> read(String name) throws IOException {
    Path directory = directory(name);
    try {
      VersionState state =
          document(VersionState.class, VersionState.getClassSchema(), directory.resolve(STATE));
      boolean whole =
          state.getFormat().equals(STATE_FORMAT)
              && DOCUMENTS.contains(state.getDocument())
              && state.getSha256().equals(sha256(directory.resolve(state.getDocument())));
      return whole ? Optional.of(new Version(name, state)) : Optional.empty();
    } catch (NoSuchFileException | JsonDocumentException e) {
      return Optional.empty();
    }
  }

  /** The newest version made from the same inputs on the same terms, if there is one. */
  Optional<Version> madeFrom(VersionState now) throws IOException {
    List<String> names = new ArrayList<>(names());
    for (int i = names.size() - 1; i >= 0; i--) {
      Optional<Version> version = read(names.get(i)).filter(v -> isSame(v.state(), now));
      if (version.isPresent()) {
        return version;
      }
    }
    return Optional.empty();
  }

  /** Whether two versions have the same files, but for caches. */
  static boolean hasSameBytes(VersionState one, VersionState other) {
    return one.getSha256().equals(other.getSha256()) && one.getFiles().equals(other.getFiles());
  }

  private static boolean isSame(VersionState made, VersionState now) {
    return made.getTerms().equals(now.getTerms()) && made.getInputs().equals(now.getInputs());
  }

  /** Names of versions, oldest first; what has no document that names the rest is none. */
  List<String> names() throws IOException {
    Path versions = root.resolve(VERSIONS);
    if (!Files.isDirectory(versions)) {
      if (Files.exists(versions)) {
        throw new BadInputException(versions + ": is no directory, expected one of versions");
      }
      return List.of();
    }
    try (Stream<Path> entries = Files.list(versions)) {
      return entries
          .filter(entry -> DOCUMENTS.stream().anyMatch(name -> Files.exists(entry.resolve(name))))
          .map(entry -> "" + entry.getFileName())
          .filter(name -> NAME.matcher(name).matches())
          .sorted(Comparator.comparingInt(Integer::parseInt))
          .toList();
    }
  }

  /**
   * Says of a version that lies aside what it came to.
   *
   * @param state its inputs; digests of the document and of what that does not name are filled in
   * @param named paths of the files that the document names
   */
  static void describe(Path aside, VersionState state, Set<String> named) throws IOException {
    List<RecomputeInput> files = new ArrayList<>();
    try (Stream<Path> tree = Files.walk(aside)) {
      for (Path file : tree.filter(Files::isRegularFile).sorted().toList()) {
        String name = aside.relativize(file).toString();
        if (!name.startsWith(".")
            && !name.equals(state.getDocument())
            && !name.equals(FULL_REPORT)
            && !named.contains(name)) {
          files.add(new RecomputeInput(name, Files.size(file), FileDigest.of(file.toString())));
        }
      }
    }
    state.setFiles(files);
    state.setSha256(sha256(aside.resolve(state.getDocument())));
  }

  /**
   * Ends a version that lies aside: writes with it what it was made from and all of it through to
   * the disk, and moves it into place under the next number.
   *
   * @param state as {@link #describe} leaves it
   */
  Version publish(Path aside, VersionState state) throws IOException {
    Storage.replace(aside.resolve(STATE).toString(), PlainJson.write(state));
    Durable.tree(aside);
    String name = next();
    Files.createDirectories(root.resolve(VERSIONS));
    Files.move(aside, directory(name));
    Durable.directory(root.resolve(VERSIONS));
    return new Version(name, state);
  }

  /** The next number that nothing has. */
  private String next() throws IOException {
    List<String> names = names();
    int number = names.isEmpty() ? 0 : Integer.parseInt(names.get(names.size() - 1));
    String name;
    do {
      number++;
      name = String.format("%04d", number);
    } while (Files.exists(directory(name)));
    if (!NAME.matcher(name).matches()) {
      throw new BadInputException(directory(name) + ": versions have at most nine digits");
    }
    return name;
  }

  /** Makes a version the one that commands use. */
  void makeCurrent(Version version) throws IOException {
    Storage.replace(
        root.resolve(CURRENT).toString(),
        PlainJson.write(
            new CurrentVersion(
                CURRENT_FORMAT,
                version.name(),
                version.state().getDocument(),
                version.state().getSha256())));
    Durable.directory(root);
  }

  /**
   * Notes of a version that it is not as it was written: it is none from then on, in this look and
   * after a kill. Where it is the one in use, it stays there until there is another.
   */
  void condemn(Version version) throws IOException {
    Path directory = directory(version.name());
    Files.move(
        directory.resolve(STATE),
        directory.resolve(CONDEMNED),
        StandardCopyOption.REPLACE_EXISTING);
    Durable.directory(directory.resolve(RoundDirectory.CACHE));
  }

  /** Deletes versions that are not as they were written, but never the current one. */
  void deleteCondemned(String current) throws IOException {
    for (String name : names()) {
      if (!name.equals(current) && Files.exists(directory(name).resolve(CONDEMNED))) {
        delete(name);
      }
    }
  }

  /** Deletes all but the newest versions, and never the current one; returns how many. */
  int prune(int keep, String current) throws IOException {
    List<String> names = names();
    int deleted = 0;
    for (String name : names.subList(0, Math.max(0, names.size() - keep))) {
      if (!name.equals(current)) {
        delete(name);
        deleted++;
      }
    }
    return deleted;
  }

  /** Out of sight first: a version that is there is whole. */
  private void delete(String name) throws IOException {
    Path hidden = root.resolve(VERSIONS).resolve(".deleted-" + name);
    Storage.deleteTree(hidden.toString());
    Files.move(directory(name), hidden);
    Storage.deleteTree(hidden.toString());
  }

  private static <T extends SpecificRecord> T document(Class<T> type, Schema schema, Path file)
      throws IOException {
    return PlainJson.read(type, schema, Files.readAllBytes(file), file.toString());
  }

  private static String sha256(Path file) throws IOException {
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(Files.readAllBytes(file)));
  }
}
