package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.Export;
import dev.sluice.schemas.ExportFile;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExportCommandTest {
  @TempDir Path directory;
  private Path round;

  @BeforeEach
  void aggregate() throws IOException {
    round = Site.sent(directory, "a", "b");
    assertThat(Cli.run("aggregate", "--round", round.toString()).code(), is(0));
  }

  private static Map<String, String> files(Path directory) throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path path : tree.filter(Files::isRegularFile).toList()) {
        files.put(
            directory.relativize(path).toString(),
            HexFormat.of().formatHex(Files.readAllBytes(path)));
      }
    }
    return files;
  }

  private static Export read(Path directory) throws IOException {
    return PlainJson.read(
        Export.class,
        Export.getClassSchema(),
        Files.readAllBytes(directory.resolve("export.json")),
        "export.json");
  }

  /** Flink takes most of the time, so one format is enough for it. */
  @ParameterizedTest
  @CsvSource({"npy,direct", "parquet,direct+flink", "safetensors,direct"})
  void theSameBytesFromEveryRunner(String format, String runners) throws Exception {
    Map<String, String> expected = null;
    for (String runner : runners.split("[+]", 0)) {
      Path out = directory.resolve("out-" + runner);
      Cli.Result result =
          Cli.run(
              "export",
              "--round",
              round.toString(),
              "--format",
              format,
              "--out",
              out.toString(),
              "--runner",
              runner,
              "--parallelism",
              "2");
      assertThat(result.toString(), result.code(), is(0));
      assertThat(result.out(), containsString("exported 40 probes"));
      Map<String, String> found = files(out);
      assertThat(found.size(), is(4 + 1));
      expected = expected == null ? found : expected;
      assertThat(found, is(expected));

      Export export = read(out);
      long next = 0;
      for (ExportFile file : export.getFiles()) {
        byte[] bytes = Files.readAllBytes(out.resolve(file.getName()));
        assertThat(file.getBytes(), is((long) bytes.length));
        assertThat(
            file.getSha256(),
            equalTo(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))));
        assertThat(file.getFirstProbe(), is(next));
        next += file.getProbes();
      }
      assertThat(next, is(40L));
      assertThat(export.getTopK(), format.equals("parquet") ? is(16) : nullValue());
    }
  }

  /** Bit by bit the teacher's own rows. */
  @Test
  void safetensorsHoldTheTeacher() throws IOException {
    assertThat(
        Cli.run("export", "--round", round.toString(), "--format", "safetensors").code(), is(0));
    Path out = round.resolve("export/safetensors");
    for (ExportFile file : read(out).getFiles()) {
      byte[] exported = Files.readAllBytes(out.resolve(file.getName()));
      String name = file.getName().replace(".safetensors", ".npy");
      byte[] teacher = Files.readAllBytes(round.resolve("teacher").resolve(name));
      int data = (int) file.getProbes() * Site.VOCABULARY * 4;
      assertThat(
          Arrays.copyOfRange(exported, exported.length - data, exported.length),
          equalTo(Arrays.copyOfRange(teacher, teacher.length - data, teacher.length)));
      long header = ByteBuffer.wrap(exported).order(ByteOrder.LITTLE_ENDIAN).getLong();
      assertThat(8 + header + data, is((long) exported.length));
    }
  }

  @Test
  void anotherFormatTakesTheEarlierOnesPlace() throws IOException {
    Path out = directory.resolve("out");
    for (String format : new String[] {"npy", "parquet"}) {
      Cli.Result result =
          Cli.run(
              "export", "--round", round.toString(), "--format", format, "--out", out.toString());
      assertThat(result.toString(), result.code(), is(0));
    }
    assertThat(
        files(out).keySet().stream().filter(name -> name.endsWith(".parquet")).count(), is(4L));
    assertThat(files(out).size(), is(5));
    assertThat(read(out).getKind(), equalTo("parquet"));
  }

  @Test
  void aTeacherThatWasTouchedIsRefused() throws IOException {
    Path shard = round.resolve("teacher/teacher-00002.npy");
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length - 1] ^= 1;
    Files.write(shard, bytes);
    Path out = directory.resolve("out");
    // One part at a time: a part of a failed job that still writes would outlive the test.
    Cli.Result result =
        Cli.run(
            "export",
            "--round",
            round.toString(),
            "--format",
            "npy",
            "--out",
            out.toString(),
            "--parallelism",
            "1");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), allOf(containsString("teacher-00002.npy"), containsString("SHA-256")));
    assertThat(
        Files.exists(out)
            ? files(out).keySet().stream().filter(name -> !name.startsWith(".")).toList()
            : List.of(),
        is(List.of()));
  }

  @Test
  void aTeacherIsNoPlaceForItsExport() throws IOException {
    Map<String, String> before = files(round);
    for (String format : new String[] {"npy", "parquet"}) {
      Cli.Result result =
          Cli.run(
              "export",
              "--round",
              round.toString(),
              "--format",
              format,
              "--out",
              round.resolve("teacher").toString());
      assertThat(result.toString(), result.code(), is(3));
      assertThat(
          result.err(), allOf(containsString("teacher-00000.npy"), containsString("in the way")));
    }
    assertThat(files(round), is(before));
  }

  @ParameterizedTest
  @CsvSource({"--format,csv", "--top-k,0", "--top-k,3"})
  void refusesImpossibleFlags(String flag, String value) {
    String format = flag.equals("--format") ? value : value.equals("0") ? "parquet" : "npy";
    String k = flag.equals("--top-k") ? value : "1";
    Cli.Result result =
        Cli.run("export", "--round", round.toString(), "--format", format, "--top-k", k);
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(flag));
  }
}
