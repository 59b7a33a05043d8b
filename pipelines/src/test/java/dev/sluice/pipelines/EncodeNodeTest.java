package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EncodeNodeTest {
  /** Not deleted: after a failed run, the direct runner's other threads may still be writing. */
  @TempDir(factory = BelowTarget.class, cleanup = CleanupMode.NEVER)
  Path directory;

  private static final class BelowTarget implements TempDirFactory {
    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
        throws IOException {
      Path target = Files.createDirectories(Path.of("target").toAbsolutePath());
      return Files.createTempDirectory(target, "encode-node-test");
    }
  }

  private void encode(
      RoundFixture fixture, Path logits, Centring.Masking masking, int parallelism) {
    DirectOptions options = PipelineOptionsFactory.create().as(DirectOptions.class);
    options.setTargetParallelism(parallelism);
    Pipeline pipeline = Pipeline.create(options);
    EncodeNode.build(
        pipeline,
        fixture.round(),
        new RoundDirectory(directory.toString()),
        1,
        logits.toString(),
        masking,
        "x" + parallelism);
    pipeline.run().waitUntilFinish();
  }

  private Path npy(RoundFixture fixture, String descr, double[] logits) throws IOException {
    Path file = directory.resolve("in/logits" + descr.substring(1) + ".npy");
    int v = fixture.round().vocabulary();
    RoundFixture.write(file, RoundFixture.npy(descr, logits, logits.length / v, v));
    return file;
  }

  private Map<String, List<Byte>> uplink() throws IOException {
    Map<String, List<Byte>> files = new TreeMap<>();
    Path uplink = directory.resolve("uplink/node-1");
    if (Files.exists(uplink)) {
      try (Stream<Path> list = Files.list(uplink)) {
        for (Path file : list.toList()) {
          List<Byte> bytes = new ArrayList<>();
          for (byte b : Files.readAllBytes(file)) {
            bytes.add(b);
          }
          files.put(file.getFileName().toString(), bytes);
        }
      }
    }
    return files;
  }

  private List<CodeBlock> blocks() throws IOException {
    List<CodeBlock> blocks = new ArrayList<>();
    for (String name : uplink().keySet()) {
      try (DataFileReader<CodeBlock> reader =
          new DataFileReader<>(
              directory.resolve("uplink/node-1/" + name).toFile(),
              new SpecificDatumReader<>(CodeBlock.class))) {
        reader.forEach(blocks::add);
      }
    }
    return blocks;
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "probe", "2.5"})
  void theFilesAreThoseOfTheKernelsWhateverDtypeAndParallelism(String clip) throws IOException {
    RoundFixture fixture = Rounds.of(clip, 3, 2.5);
    Path stale = fixture.uplink(directory, 1, "codes-00009.avro");
    RoundFixture.write(stale, new byte[] {1});
    RoundFixture.write(fixture.uplink(directory, 1, "notes.txt"), new byte[] {2});
    encode(fixture, npy(fixture, "<f8", fixture.logits(1)), Centring.Masking.FORBIDDEN, 1);
    Map<String, List<Byte>> first = uplink();
    assertThat(
        List.copyOf(first.keySet()),
        equalTo(List.of("codes-00000.avro", "codes-00001.avro", "codes-00002.avro", "notes.txt")));
    Files.delete(fixture.uplink(directory, 1, "notes.txt"));
    first.remove("notes.txt");
    assertThat(blocks(), equalTo(fixture.blocks(1)));
    encode(fixture, npy(fixture, "<f4", fixture.logits(1)), Centring.Masking.FORBIDDEN, 4);
    assertThat(uplink(), equalTo(first));
    encode(fixture, npy(fixture, "<f2", fixture.logits(1)), Centring.Masking.ALLOWED, 2);
    assertThat(uplink(), equalTo(first));
    assertThat(Rounds.leftovers(directory), equalTo(List.of()));
  }

  @Test
  void clippedAndMaskedAreCounted() throws IOException {
    RoundFixture fixture = Rounds.of("2.5", 3, 2);
    double[] logits = fixture.logits(1);
    logits[5] = Double.NEGATIVE_INFINITY;
    logits[6] = Double.NEGATIVE_INFINITY;
    logits[20 * 16] = Double.NEGATIVE_INFINITY;
    encode(fixture, npy(fixture, "<f8", logits), Centring.Masking.ALLOWED, 2);
    List<CodeBlock> blocks = blocks();
    for (int block = 0; block < blocks.size(); block++) {
      int from = block * 3 * 20;
      int to = Math.min(logits.length, from + 3 * 20);
      long clipped = 0;
      long masked = 0;
      for (int row = from; row < to; row += 20) {
        double[] values =
            Arrays.stream(logits, row, row + 20).filter(Double::isFinite).sorted().toArray();
        double middle = (values[0] + values[values.length - 1]) / 2;
        clipped += Arrays.stream(values).filter(x -> Math.abs(x - middle) > 2.5).count();
        masked += 20 - values.length;
      }
      assertThat(blocks.get(block).getHeader().getClipped(), equalTo(clipped));
      assertThat(blocks.get(block).getHeader().getMasked(), equalTo(masked));
    }
    assertThat(blocks.get(0).getHeader().getMasked(), equalTo(2L));
    assertThat(blocks.get(0).getHeader().getClipped(), greaterThan(0L));
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void aLogitThatIsNoneFailsTheRunAndLeavesNothing(double bad) throws IOException {
    for (String clip : List.of("auto", "probe")) {
      RoundFixture fixture = Rounds.of(clip, 3, 2);
      double[] logits = fixture.logits(1);
      logits[13 * 20 + 7] = bad;
      Path file = npy(fixture, "<f4", logits);
      Exception failure =
          assertThrows(Exception.class, () -> encode(fixture, file, Centring.Masking.FORBIDDEN, 2));
      assertThat(
          failure.getMessage(),
          allOf(
              containsString(file + ": probe 13, coordinate 7: found " + bad),
              containsString("expected a finite number")));
      assertThat(
          failure.getMessage().contains("--masked"), equalTo(bad == Double.NEGATIVE_INFINITY));
      assertThat(uplink(), equalTo(Map.of()));
    }
  }

  @Test
  void aFileOfAnotherShapeIsRefused() throws IOException {
    RoundFixture fixture = Rounds.of("auto", 3, 2);
    Path file = npy(fixture, "<f4", Arrays.copyOf(fixture.logits(1), 16 * 20));
    assertThat(
        assertThrows(Exception.class, () -> encode(fixture, file, Centring.Masking.FORBIDDEN, 1))
            .getMessage(),
        containsString(file + ": found shape (16, 20), expected (17, 20)"));
    Path missing = directory.resolve("in/logits*.npy"); // a name, not a pattern
    assertThat(
        assertThrows(Exception.class, () -> encode(fixture, missing, Centring.Masking.FORBIDDEN, 1))
            .getMessage(),
        containsString(missing + ": no such file"));
  }

  @Test
  void logitsBeyondTheClipAreRefused() throws IOException {
    RoundFixture fixture = Rounds.of("probe", 3, 2);
    double[] logits = fixture.logits(1);
    logits[2 * 20] = 1e6;
    Path file = npy(fixture, "<f4", logits);
    assertThat(
        assertThrows(Exception.class, () -> encode(fixture, file, Centring.Masking.FORBIDDEN, 1))
            .getMessage(),
        allOf(containsString(": probe 2: logits reach"), containsString("plan the round with")));
  }

  @Test
  void aSilentNodeHasNothingToEncode() throws IOException {
    RoundFixture fixture = Rounds.of("auto", 3, 0);
    assertThat(
        assertThrows(
                IllegalArgumentException.class,
                () -> encode(fixture, directory, Centring.Masking.FORBIDDEN, 1))
            .getMessage(),
        equalTo("node 'node-1' has no bits in round 'r1' and sends nothing"));
    assertThat(uplink(), equalTo(Map.of()));
  }
}
