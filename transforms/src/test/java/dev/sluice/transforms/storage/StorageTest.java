package dev.sluice.transforms.storage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.ThrowingSupplier;
import org.junit.jupiter.api.io.TempDir;

/**
 * A directory with two links to itself has 2^40 paths below it before the system refuses to follow:
 * whoever walks it is at it for ever. What is looked up here answers in milliseconds.
 */
class StorageTest {
  private static final Duration FOR_EVER = Duration.ofSeconds(30);

  @TempDir Path temporary;
  private Path root;

  @BeforeEach
  void makeTree() throws IOException {
    root = Files.createDirectory(temporary.resolve("round"));
    Path node = Files.createDirectories(root.resolve("uplink/n0"));
    Files.createSymbolicLink(node.resolve("a"), Path.of("."));
    Files.createSymbolicLink(node.resolve("b"), Path.of("."));
    Files.writeString(node.resolve("codes-00000.avro"), "1234");
    Files.writeString(node.resolve("codes-00001.avro"), "");
    Files.writeString(node.resolve("notes.txt"), "123");
    Files.createDirectory(node.resolve("codes-directory.avro"));
    Files.createSymbolicLink(node.resolve("codes-link.avro"), Path.of("notes.txt"));
    Files.createSymbolicLink(node.resolve("codes-broken.avro"), Path.of("nothing"));
  }

  private static <T> T soon(ThrowingSupplier<T> call) {
    return assertTimeoutPreemptively(FOR_EVER, call);
  }

  /** Names and sizes of what matches below the root, in order. */
  private List<String> matching(String pattern) {
    return soon(() -> Storage.match(root + "/" + pattern)).stream()
        .map(file -> shown(root, file))
        .sorted()
        .collect(Collectors.toList());
  }

  private static String shown(Path root, MatchResult.Metadata file) {
    return root.relativize(Path.of(file.resourceId().toString())) + " " + file.sizeBytes();
  }

  @Test
  void aPatternSeesItsOwnDirectoryAlone() {
    assertThat(
        matching("uplink/n0/codes-*.avro"),
        is(
            List.of(
                "uplink/n0/codes-00000.avro 4",
                "uplink/n0/codes-00001.avro 0",
                "uplink/n0/codes-link.avro 3")));
    assertThat(matching("uplink/n0/*").size(), is(4));
    assertThat(matching("uplink/*"), is(List.of()));
    assertThat(matching("*.avro"), is(List.of()));
  }

  @Test
  void whatIsNotThereMatchesNothing() {
    assertThat(matching("plan.json"), is(List.of()));
    assertThat(matching("teacher/*"), is(List.of()));
    assertThat(matching("uplink/n1/codes-*.avro"), is(List.of()));
    assertThat(matching("teacher/*/*"), is(List.of()));
    assertThat(matching("uplink/n0/notes.txt/*"), is(List.of()));
    assertThat(matching("uplink/n0/codes-broken.avro"), is(List.of()));
  }

  @Test
  void aNameWithoutStarIsThatFileWhateverItIsMadeOf() throws IOException {
    Path odd = Files.writeString(root.resolve("a[1]{b}?.npy"), "12345");
    Files.writeString(root.resolve("a1b2.npy"), "");
    assertThat(matching("a[1]{b}?.npy"), is(List.of("a[1]{b}?.npy 5")));
    assertThat(soon(() -> Storage.find(odd.toString())).orElseThrow().sizeBytes(), is(5L));
    assertThat(Storage.read(root + "/uplink/n0/codes-00000.avro", 4).length, is(4));
    assertThrows(FileNotFoundException.class, () -> soon(() -> Storage.read(root + "/missing", 4)));
    Path pattern = Files.createDirectory(root.resolve("dir[1]"));
    Files.writeString(pattern.resolve("x.avro"), "1");
    assertThat(matching("dir[1]/*"), is(List.of("dir[1]/x.avro 1")));
  }

  @Test
  void deletesWithoutFollowingLinks() throws IOException {
    Path aside = Files.createDirectories(root.resolve(".attempt-1/deeper"));
    Files.writeString(aside.resolve("file"), "1");
    Files.createSymbolicLink(aside.resolve("out"), root.resolve("uplink"));
    soon(
        () -> {
          Storage.deleteTree(root + "/.attempt-1");
          Storage.deleteTree(root + "/.attempt-2");
          Storage.deleteIfExists(root + "/manifest.json");
          Storage.deleteIfExists(root + "/uplink/n0/notes.txt");
          return null;
        });
    assertThat(Files.exists(root.resolve(".attempt-1")), is(false));
    assertThat(matching("uplink/n0/codes-0*").size(), is(2));
    assertThat(Files.exists(root.resolve("uplink/n0/notes.txt")), is(false));
  }

  @Test
  void listsWhatIsNoFileAsSuch() {
    assertThat(
        soon(() -> Storage.list(root + "/uplink/n0/")).stream()
            .map(file -> shown(root.resolve("uplink/n0"), file))
            .toList(),
        is(
            List.of(
                "a -1",
                "b -1",
                "codes-00000.avro 4",
                "codes-00001.avro 0",
                "codes-broken.avro -1",
                "codes-directory.avro -1",
                "codes-link.avro 3",
                "notes.txt 3")));
    assertThat(soon(() -> Storage.list(root + "/missing")), is(List.of()));
  }
}
