package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The test vectors of the format, which an independent encoder made. */
class VectorsTest {
  private static final HexFormat HEX = HexFormat.of();

  @Test
  void ditherIsThatOfTheVectors() throws IOException {
    for (JsonNode c : cases("dither")) {
      ChannelKey key = key(c);
      assertThat(HEX.toHexDigits(key.dither()), is(c.get("ditherKey").asText()));
      assertThat(HEX.toHexDigits(key.rotation()), is(c.get("rotationKey").asText()));
      int vocabulary = c.get("vocabulary").asInt();
      long probe = c.get("probe").asLong();
      long row = Dither.row(key.dither(), vocabulary, probe);
      for (int w = 0; w < c.get("words").size(); w++) {
        assertThat(
            HEX.toHexDigits(Dither.mix(row + w * Dither.GAMMA)),
            is(c.get("words").get(w).asText()));
      }
      int count = c.get("r").size();
      int[] r = new int[count];
      Dither.fill(key.dither(), vocabulary, probe, 0, count, r, 0);
      for (int v = 0; v < count; v++) {
        long expected = c.get("r").get(v).asLong();
        assertThat(Integer.toUnsignedLong(r[v]), is(expected));
        assertThat(Dither.numerator(row, v), is(expected));
        assertThat(
            Dither.offset(expected), is(Double.parseDouble(c.get("offsets").get(v).asText())));
      }
    }
  }

  @Test
  void rotationsStartWhereTheVectorsSay() throws IOException {
    for (JsonNode c : cases("rotation")) {
      assertThat(
          key(c)
              .start(c.get("plane").asInt(), c.get("block").asInt(), c.get("coordinates").asInt()),
          is(c.get("start").asInt()));
    }
  }

  @Test
  void budgetsBuyTheRadicesOfTheVectors() throws IOException {
    for (JsonNode c : cases("shapes")) {
      BlockShape shape = shape(c, 0, c.get("bitsPerProbe").asLong());
      assertThat(shape.toString(), shape.symbols(), is(c.get("symbols").asInt()));
      assertThat(shape.toString(), shape.finer(), is(c.get("finer").asInt()));
      assertThat(shape.toString(), shape.payloadBits(), is(c.get("payloadBits").asLong()));
    }
  }

  @Test
  void blocksEncodeAndDecodeToTheBit() throws IOException, BadCodesException {
    for (JsonNode c : cases("blocks")) {
      BlockShape shape = shapes(c).get(0);
      int block = c.get("block").asInt();
      long firstProbe = c.get("firstProbe").asLong();
      double[] clips = doubles(c.get("clips"));
      BlockEncoder.Encoded encoded =
          BlockEncoder.encode(
              shape,
              shape.quantizer(),
              key(c),
              block,
              firstProbe,
              doubles(c.get("centred")),
              clips);
      assertThat(HEX.formatHex(encoded.codes()), is(c.get("codes").get(0).asText()));
      assertThat(encoded.clipped(), is(c.get("clipped").asLong()));
      assertThat(encoded.masked(), is(c.get("masked").asLong()));
      double clip = shape.clipPerProbe() ? 0 : clips[0];
      double[] y = new double[shape.coordinates()];
      double[] levels = new double[shape.probes()];
      BlockDecoder.decode(
          shape, shape.quantizer(), key(c), block, firstProbe, clip, encoded.codes(), y, levels);
      double[] expected = doubles(c.get("reconstructions").get(0));
      assertThat(y, equalTo(expected));
      assertThat(levels, equalTo(clips));
      Accumulator sums = new Accumulator(shape.probes(), shape.vocabulary());
      sums.reset(shape.probes());
      sums.add(shape, shape.quantizer(), key(c), block, firstProbe, clip, 1, encoded.codes());
      for (int i = 0; i < expected.length; i++) {
        expected[i] = (expected[i] + 0x1.8p22) - 0x1.8p22;
      }
      assertThat(sums.sums(), equalTo(expected));
      assertThat(sums.clips(), equalTo(clips));
    }
  }

  @Test
  void everyPrefixOfPlanesEncodesAndDecodesToTheBit() throws IOException, BadCodesException {
    for (JsonNode c : cases("planes")) {
      List<BlockShape> shapes = shapes(c);
      int block = c.get("block").asInt();
      long firstProbe = c.get("firstProbe").asLong();
      double[] clips = doubles(c.get("clips"));
      List<byte[]> codes = new ArrayList<>();
      for (int t = 0; t < shapes.size(); t++) {
        List<BlockShape> prefix = shapes.subList(0, t + 1);
        codes.add(
            NestedDigits.encode(prefix, key(c), block, firstProbe, doubles(c.get("centred")), clips)
                .codes());
        assertThat(HEX.formatHex(codes.get(t)), is(c.get("codes").get(t).asText()));
        double[] y = new double[shapes.get(0).coordinates()];
        NestedDigits.decode(
            prefix, key(c), block, firstProbe, clips[0], codes, y, new double[clips.length]);
        assertThat(y, equalTo(doubles(c.get("reconstructions").get(t))));
      }
    }
  }

  private static JsonNode cases(String name) throws IOException {
    try (InputStream in = VectorsTest.class.getResourceAsStream("/vectors/" + name + ".json")) {
      JsonNode cases = new ObjectMapper().readTree(in).get("cases");
      assertThat(cases.size(), greaterThan(3));
      return cases;
    }
  }

  private static ChannelKey key(JsonNode c) {
    return ChannelKey.of(
        c.get("seed").asLong(), c.get("ditherRound").asText(), c.get("node").asText());
  }

  private static List<BlockShape> shapes(JsonNode c) {
    List<BlockShape> shapes = new ArrayList<>();
    for (JsonNode bits : c.get("bitsPerProbe")) {
      shapes.add(shape(c, shapes.size(), bits.asLong()));
    }
    return shapes;
  }

  private static BlockShape shape(JsonNode c, int plane, long bitsPerProbe) {
    return BlockShape.ofPlane(
        plane,
        Quantizer.of(c.get("quantizer").asText()),
        c.get("clipPerProbe").asBoolean(),
        c.get("vocabulary").asInt(),
        c.get("probes").asInt(),
        c.get("bitsPerCoordinate").asDouble(),
        bitsPerProbe);
  }

  private static double[] doubles(JsonNode array) {
    double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          array.get(i).asText().equals("-inf")
              ? Double.NEGATIVE_INFINITY
              : Double.parseDouble(array.get(i).asText());
    }
    return values;
  }
}
