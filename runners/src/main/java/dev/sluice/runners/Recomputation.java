package dev.sluice.runners;

import dev.sluice.schemas.IndexedFile;
import dev.sluice.schemas.VersionState;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.recompute.Change;
import dev.sluice.transforms.recompute.Gate;
import dev.sluice.transforms.recompute.Presence;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.UplinkScan;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One look at one round: what it was made from and what is there now, whether it is to be made
 * anew, and if so a further version of it. The lock of its root is held. FORMAT.md 14.
 */
abstract class Recomputation {
  private static final String ATTEMPT = RoundDirectory.ATTEMPT + "recompute-";
  private static final int NAMES_SHOWN = 5;

  /**
   * What a look at any round of a root needs.
   *
   * @param layers policies of the root and the command line
   * @param asOf the filesystem's time before the look, nanoseconds since 1970
   * @param settle how old a file must be
   * @param hub whose plans they must be
   */
  record Pass(
      RoundPolicy.Layers layers,
      RunnerChoice choice,
      Clock clock,
      long asOf,
      Duration settle,
      Trust trust,
      HubKeyOption hub) {}

  /** What is believed without being read. */
  enum Trust {
    /** Files by size and times, and what earlier versions came to. */
    ALL,
    /** What earlier versions came to; files are read. */
    NO_TIMES,
    /** Files by size and times; every round is made anew, and from scratch. */
    NO_CACHE;

    boolean times() {
      return this != NO_TIMES;
    }

    boolean cache() {
      return this != NO_CACHE;
    }
  }

  /** How a look ended. */
  enum State {
    UNCHANGED("unchanged"),
    NEW("new"),
    LATE("late"),
    CHANGED("changed"),
    UNFINISHED("unfinished"),
    WAITING("waiting"),
    OVERDUE("overdue"),
    GONE("gone"),
    FAILED("failed"),
    POSTPONED("postponed"),
    BROKEN("broken");

    private final String label;

    State(String label) {
      this.label = label;
    }

    String label() {
      return label;
    }
  }

  /**
   * How a look ended.
   *
   * @param detail for people; empty where there is nothing to say
   * @param rejects records that the version that was made, or taken up, does not use; or so far, in
   *     a round that is not made yet
   * @param whole whether that version has all that the policy asks for
   * @param again whether another look at once is worth it
   */
  record Result(State state, String detail, long rejects, boolean whole, boolean again) {
    static Result of(State state, String detail) {
      return new Result(state, detail, 0, true, false);
    }

    Result withDetail(String text) {
      return new Result(state, text, rejects, whole, again);
    }
  }

  /**
   * What a version came to.
   *
   * @param rejects records that it does not use
   * @param leftOut what of the policy it has not, and why; empty where it has all
   */
  record Made(long rejects, String leftOut) {}

  /** An attempt that ended without a version, and would again while its inputs are the same. */
  static final class NoVersionException extends Exception {
    private static final long serialVersionUID = 1L;

    NoVersionException(String reason) {
      super(reason);
    }
  }

  final Path root;
  final Pass pass;
  final RoundPolicy policy;
  final Versions versions;
  final RoundIndex index;

  /** What was found of versions, for people. */
  private String damage = "";

  Recomputation(Path root, Pass pass) throws IOException {
    this.root = root;
    this.pass = pass;
    this.policy = pass.layers().over(root).policy();
    this.versions = new Versions(root);
    this.index = RoundIndex.read(root);
  }

  /** Refuses inputs that nothing may be made from, nor is to pass for what a version is of. */
  abstract void check() throws IOException;

  /** What of the policy decides on contents. */
  abstract String terms();

  /** The document that names the rest of a version. */
  abstract String document();

  /** Files that a version is made from: paths seen from the round, in any order. */
  abstract List<String> inputs() throws IOException;

  /** From when a deadline that is a duration counts. */
  abstract Instant begun() throws IOException;

  /** Which nodes have sent what was asked for, as far as the inputs say. */
  abstract Presence presence(Path attempt) throws IOException;

  /** What of the inputs is known to be rejected, once presence is: counts by node and reason. */
  abstract SortedMap<String, SortedMap<String, Long>> rejected() throws IOException;

  /** Fewest nodes that will do. */
  abstract int minNodes() throws IOException;

  /**
   * Makes a version.
   *
   * @param attempt a directory for whatever lies aside
   * @param outputs where the version is to be whole
   * @param before the current version, if there is one
   */
  abstract Made make(Path attempt, Path outputs, Optional<Versions.Version> before)
      throws IOException, NoVersionException;

  /** What a version came to, as far as its own documents say. */
  abstract Made came(Path version) throws IOException;

  /** The files that a version's document names, by path below it, with their digests. */
  abstract Map<String, String> named(Path version) throws IOException;

  /** Looks, and does what is to be done. */
  final Result run() throws IOException {
    boolean interrupted = clearUp();
    index.survey(List.copyOf(new TreeSet<>(inputs())), pass.asOf(), pass.trust().times());
    index.write();
    check();
    VersionState now =
        new VersionState(Versions.STATE_FORMAT, terms(), index.inputs(), document(), "", List.of());
    Optional<Versions.Version> made = versions.current();
    if (!pass.trust().times() && made.isPresent() && !isIntact(made.get())) {
      condemn(made.get());
      made = Optional.empty();
    }
    Change change = Change.of(made.map(Versions.Version::state), now.getTerms(), now.getInputs());
    if (pass.trust().cache()) {
      Optional<Versions.Version> whole = intact(now, made);
      if (whole.isPresent()) {
        return taken(whole.get(), made, change);
      }
    }
    Optional<String> young = young();
    if (young.isPresent()) {
      return Result.of(State.WAITING, young.get());
    }
    Path attempt = root.resolve(ATTEMPT + UUID.randomUUID());
    try {
      Result result = make(attempt, change, made, now, interrupted);
      return damage.isEmpty() ? result : result.withDetail(damage + result.detail());
    } finally {
      Attempt.delete(attempt.toString());
    }
  }

  private Result make(
      Path attempt,
      Change change,
      Optional<Versions.Version> made,
      VersionState now,
      boolean interrupted)
      throws IOException {
    if (!pass.trust().cache()) {
      index.forgetScans();
    }
    Presence presence = presence(attempt);
    index.write();
    Gate gate = Gate.of(presence, minNodes(), policy.deadline(begun()), pass.clock().instant());
    if (gate != Gate.OPEN) {
      SortedMap<String, SortedMap<String, Long>> rejected = rejected();
      return new Result(
          gate == Gate.WAITING ? State.WAITING : State.OVERDUE,
          missing(presence) + reasons(rejected),
          rejected.values().stream().mapToLong(Recomputation::sum).sum(),
          true,
          false);
    }
    String key = key(now);
    Optional<String> before = index.attempted(key);
    if (before.isPresent() && pass.trust().cache()) {
      return Result.of(State.FAILED, before.get() + " (as before: nothing has changed since)");
    }
    Path outputs = attempt.resolve("version");
    Made came;
    try {
      came = make(attempt, outputs, made);
    } catch (NoVersionException e) {
      index.setAttempted(key, e.getMessage());
      index.write();
      return Result.of(State.FAILED, e.getMessage());
    }
    if (!index.isStill()) {
      return new Result(State.WAITING, "its files changed while they were read", 0, true, true);
    }
    Versions.describe(outputs, now, named(outputs).keySet());
    if (change == Change.UNCHANGED && Versions.hasSameBytes(made.get().state(), now)) {
      return done(made.get().name(), Result.of(State.UNCHANGED, ""));
    }
    Versions.Version version = versions.publish(outputs, now);
    versions.makeCurrent(version);
    index.write();
    State state =
        switch (change) {
          case LATE -> State.LATE;
          case CHANGED, UNCHANGED -> State.CHANGED;
          default -> interrupted || versions.names().size() > 1 ? State.UNFINISHED : State.NEW;
        };
    return done(
        version.name(),
        result(
            state,
            "version " + version.name() + (change == Change.UNCHANGED ? ", of the same files" : ""),
            came));
  }

  /**
   * The newest version that was made from what is there now, and is as it was written.
   *
   * @param made the one in use, which has been looked at
   */
  private Optional<Versions.Version> intact(VersionState now, Optional<Versions.Version> made)
      throws IOException {
    while (true) {
      Optional<Versions.Version> version = versions.madeFrom(now);
      if (version.isEmpty() || version.equals(made) || isIntact(version.get())) {
        return version;
      }
      condemn(version.get());
    }
  }

  /** Ends a look at a round that has a version of what is there now. */
  private Result taken(Versions.Version version, Optional<Versions.Version> made, Change change)
      throws IOException {
    String name = version.name();
    if (Optional.of(version).equals(made)) {
      return done(name, Result.of(State.UNCHANGED, ""));
    }
    versions.makeCurrent(version);
    Made came = came(versions.directory(name));
    return done(
        name,
        made.isEmpty() || change == Change.UNCHANGED
            ? result(State.UNFINISHED, damage + "version " + name + " was whole already", came)
            : result(State.CHANGED, damage + "to what version " + name + " was made from", came));
  }

  private static Result result(State state, String detail, Made came) {
    boolean whole = came.leftOut().isEmpty();
    return new Result(
        state, detail + (whole ? "" : ", " + came.leftOut()), came.rejects(), whole, false);
  }

  private void condemn(Versions.Version version) throws IOException {
    damage += "version " + version.name() + " is not as it was written; ";
    versions.condemn(version);
  }

  private boolean isIntact(Versions.Version version) throws IOException {
    Path at = versions.directory(version.name());
    Map<String, String> files = new TreeMap<>(named(at));
    version.state().getFiles().forEach(file -> files.put(file.getName(), file.getSha256()));
    for (Map.Entry<String, String> file : files.entrySet()) {
      Path path = at.resolve(file.getKey());
      if (!Files.isRegularFile(path) || !FileDigest.of(path.toString()).equals(file.getValue())) {
        return false;
      }
    }
    return true;
  }

  private Result done(String current, Result result) throws IOException {
    versions.deleteCondemned(current);
    if (policy.document().getKeep() != null) {
      versions.prune(policy.document().getKeep(), current);
    }
    return result;
  }

  /** Deletes what a process that was killed has left, and says whether there was anything. */
  private boolean clearUp() throws IOException {
    boolean found = false;
    for (Path directory : List.of(root, root.resolve("versions"), index.directory())) {
      if (!Files.isDirectory(directory)) {
        continue;
      }
      try (DirectoryStream<Path> entries =
          Files.newDirectoryStream(directory, Recomputation::isLeftOver)) {
        for (Path entry : entries) {
          found = true;
          if (Files.isDirectory(entry)) {
            Storage.deleteTree(entry.toString());
          } else {
            Files.deleteIfExists(entry);
          }
        }
      }
    }
    return found;
  }

  private static boolean isLeftOver(Path entry) {
    String name = "" + entry.getFileName();
    return name.startsWith(ATTEMPT)
        || name.startsWith(".current.json.")
        || name.startsWith(".index.json.")
        || name.startsWith(".deleted-");
  }

  private static String missing(Presence presence) {
    List<String> missing = presence.missing();
    return missing.stream().limit(NAMES_SHOWN).collect(Collectors.joining(", "))
        + (missing.size() > NAMES_SHOWN ? " and " + (missing.size() - NAMES_SHOWN) + " more" : "")
        + " of "
        + Texts.count(presence.nodes(), "node")
        + " missing";
  }

  private static long sum(SortedMap<String, Long> counts) {
    return counts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Why what nodes sent does not count. */
  private static String reasons(SortedMap<String, SortedMap<String, Long>> rejected) {
    return rejected.entrySet().stream()
            .limit(NAMES_SHOWN)
            .map(
                node ->
                    "; "
                        + node.getKey()
                        + ": "
                        + Texts.count(sum(node.getValue()), "record")
                        + " rejected: "
                        + String.join(", ", node.getValue().keySet()))
            .collect(Collectors.joining())
        + (rejected.size() > NAMES_SHOWN
            ? "; and of " + (rejected.size() - NAMES_SHOWN) + " more"
            : "");
  }

  /** What keeps a round waiting because it may still be being written. */
  private Optional<String> young() {
    if (pass.settle().isZero()) {
      return Optional.empty();
    }
    long now = TimeUnit.MILLISECONDS.toNanos(pass.clock().millis());
    for (IndexedFile file : index.files()) {
      if (Math.abs(now - file.getModified()) < pass.settle().toNanos()) {
        return Optional.of(
            file.getInput().getName() + " is younger than " + pass.settle().toSeconds() + " s");
      }
    }
    return Optional.empty();
  }

  private static String key(VersionState now) {
    byte[] text = PlainJson.line(now).getBytes(StandardCharsets.UTF_8);
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(text));
  }

  /** The name of an attempt, of which its directory is. */
  static String name(Path attempt) {
    return attempt.getFileName().toString().substring(RoundDirectory.ATTEMPT.length());
  }

  /** Names of what lies in a directory, but those that begin with a dot; none where it is not. */
  static List<String> names(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(entry -> "" + entry.getFileName())
          .filter(name -> !name.startsWith("."))
          .sorted()
          .toList();
    }
  }

  /** Files one level below the directories in a directory, and files in it: seen from root. */
  final List<String> files(String directory) throws IOException {
    List<String> files = new ArrayList<>();
    Path at = root.resolve(directory).normalize();
    for (String name : names(at)) {
      Path entry = at.resolve(name);
      if (Files.isDirectory(entry)) {
        String prefix = directory + "/" + name + "/";
        try {
          names(entry).forEach(file -> files.add(prefix + file));
        } catch (AccessDeniedException e) {
          files.add(prefix + UplinkScan.UNREAD); // a reject of that node alone
        }
      } else {
        files.add(directory + "/" + name);
      }
    }
    return files;
  }
}
