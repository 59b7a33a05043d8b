package dev.sluice.schemas.json;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.TeacherShard;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlainJsonTest {
  private static final String PLAN =
      """
      {
        "format" : "sluice-plan-1",
        "id" : "round-7",
        "seed" : -42,
        "ditherRound" : "round-7",
        "probes" : 1000,
        "vocabulary" : 64,
        "quantizer" : "dither",
        "clip" : {
          "policy" : "fixed",
          "level" : 12.5,
          "levels" : null
        },
        "nodes" : [
          {
            "name" : "lund",
            "bitsPerCoordinate" : 4.0,
            "bitsPerProbe" : 256,
            "keys" : null
          },
          {
            "name" : "turku",
            "bitsPerCoordinate" : 2.5,
            "bitsPerProbe" : 160,
            "keys" : null
          }
        ],
        "layout" : {
          "probesPerBlock" : 100,
          "blocksPerShard" : 4
        },
        "probeSetDigest" : null,
        "tokenizerDigest" : "ab",
        "refines" : null,
        "split" : null,
        "average" : null,
        "reference" : null
      }
      """;

  private static RoundPlan plan() {
    RoundPlan plan = new RoundPlan();
    plan.setFormat("sluice-plan-1");
    plan.setId("round-7");
    plan.setSeed(-42);
    plan.setDitherRound("round-7");
    plan.setProbes(1000);
    plan.setVocabulary(64);
    plan.setQuantizer("dither");
    plan.setClip(new ClipPolicy("fixed", 12.5, null));
    plan.setNodes(
        List.of(new NodePlan("lund", 4.0, 256L, null), new NodePlan("turku", 2.5, 160L, null)));
    plan.setLayout(new BlockLayout(100, 4));
    plan.setTokenizerDigest("ab");
    return plan;
  }

  @Test
  void writesTheDocumentedLayout() {
    assertThat(new String(PlainJson.write(plan()), StandardCharsets.UTF_8), equalTo(PLAN));
  }

  @Test
  void readsWhatItWrites() throws JsonDocumentException {
    assertThat(read(PLAN), equalTo(plan()));
    Manifest manifest =
        new Manifest(
            "sluice-manifest-1",
            "round-7",
            "00ff",
            2,
            List.of(
                new NodeAccount(
                    "lund",
                    3,
                    1,
                    2,
                    5L,
                    300L,
                    4.0,
                    256L,
                    255.5,
                    261.25,
                    0.0225,
                    1e-9,
                    7L,
                    0L,
                    3.5,
                    4.5,
                    0.466,
                    "cd",
                    List.of(3))),
            List.of(new ActiveRange(0, 2, List.of("lund", "turku"), List.of(1, 1))),
            new Certificate("none", null, null, null, 0.125, null, 0.0),
            List.of(new TeacherShard("teacher-00000", 0L, 300L, "aa", 77L, "bb", 99L)),
            List.of(new RejectFile("lund", 5L, List.of(new ReasonCount("checksum", 5L)), "ee")),
            null,
            null,
            null,
            null);
    assertThat(
        PlainJson.read(
            Manifest.class, Manifest.getClassSchema(), PlainJson.write(manifest), "manifest.json"),
        equalTo(manifest));
    Outcome outcome =
        new Outcome(true, Long.MAX_VALUE, Long.MIN_VALUE, List.of("é \" \\ \n", ""), List.of("x"));
    assertThat(
        PlainJson.read(
            Outcome.class, Outcome.getClassSchema(), PlainJson.write(outcome), "outcome.json"),
        equalTo(outcome));
  }

  @Test
  void anAbsentNullableFieldIsNull() throws JsonDocumentException {
    RoundPlan read = read(PLAN.replace("  \"probeSetDigest\" : null,\n", ""));
    assertThat(read.getProbeSetDigest(), nullValue());
    assertThat(read, equalTo(plan()));
  }

  @Test
  void aMissingFieldIsNamedWithWhatItIsFor() {
    assertThat(
        messageOf(PLAN.replace("    \"probesPerBlock\" : 100,\n", "")),
        equalTo(
            "plan.json: field 'layout.probesPerBlock': found nothing, expected int (Probes in a"
                + " block, >= 1; the last block holds what is left.)"));
  }

  @Test
  void anUnknownFieldIsAnErrorThatListsTheKnownOnes() {
    assertThat(
        messageOf(PLAN.replace("\"probesPerBlock\"", "\"probesPerBlok\"")),
        equalTo(
            "plan.json: field 'layout.probesPerBlok': found an unknown field, expected one of"
                + " probesPerBlock, blocksPerShard"));
  }

  @Test
  void wrongTypesAreNamedByTheirPath() {
    assertThat(
        messageOf(PLAN.replace("\"bitsPerProbe\" : 160", "\"bitsPerProbe\" : \"160\"")),
        equalTo(
            "plan.json: field 'nodes[1].bitsPerProbe': found \"160\", expected a whole number of"
                + " 64 bits"));
    assertThat(
        messageOf(PLAN.replace("\"round-7\",\n  \"seed\"", "null,\n  \"seed\"")),
        equalTo("plan.json: field 'id': found null, expected a string"));
    assertThat(
        messageOf(PLAN.replace("\"probes\" : 1000", "\"probes\" : 1000.5")),
        containsString("field 'probes': found 1000.5, expected a whole number of 64 bits"));
    assertThat(
        messageOf(PLAN.replace("\"vocabulary\" : 64", "\"vocabulary\" : true")),
        containsString("field 'vocabulary': found true, expected a whole number of 32 bits"));
    assertThat(
        messageOf(PLAN.replace("\"level\" : 12.5", "\"level\" : [12.5]")),
        containsString("field 'clip.level': found [12.5], expected a finite number"));
    assertThat(
        messageOf("[1]"),
        equalTo("plan.json: found [1], expected an object with the fields of RoundPlan"));
    assertThat(
        messageOf("\"" + "x".repeat(1000) + "\"").length(), lessThan(200)); // shown, but not whole
  }

  @ParameterizedTest
  @CsvSource({
    "1e400, clip.level, a finite number",
    "-1e400, clip.level, a finite number",
    "1e999999999, clip.level, a finite number"
  })
  void aNumberBeyondDoublesIsRefused(String number, String field, String expected) {
    assertThat(
        messageOf(PLAN.replace("12.5", number)),
        allOf(containsString("field '" + field + "'"), containsString("expected " + expected)));
  }

  @Test
  void wholeNumbersMustFitTheirWidth() throws JsonDocumentException {
    assertThat(read(PLAN.replace("-42", "" + Long.MIN_VALUE)).getSeed(), equalTo(Long.MIN_VALUE));
    assertThat(
        messageOf(PLAN.replace("-42", "9223372036854775808")),
        equalTo(
            "plan.json: field 'seed': found 9223372036854775808, expected a whole number of 64"
                + " bits"));
    assertThat(
        messageOf(PLAN.replace("\"vocabulary\" : 64", "\"vocabulary\" : 2147483648")),
        containsString("field 'vocabulary': found 2147483648, expected a whole number of 32 bits"));
    assertThat(
        messageOf(PLAN.replace("-42", "1".repeat(5000))), startsWith("plan.json: not a JSON"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   ",
        "{",
        "{} x",
        "NaN",
        "Infinity",
        "{\"id\" : NaN}",
        "{\"id\" : 'x'}",
        "{\"id\" : \"a\", \"id\" : \"b\"}",
        "{/* */}",
        "{\"level\" : 1e99999999999}",
        "{\"level\" : 1e-2147483650}"
      })
  void whatIsNoJsonIsRefused(String text) {
    assertThat(messageOf(text), startsWith("plan.json: "));
  }

  @Test
  void anEmptyDocumentIsCalledThat() {
    assertThat(
        messageOf(" \n"),
        equalTo("plan.json: found nothing, expected an object with the fields of RoundPlan"));
  }

  @Test
  void duplicateKeysAndTrailingTokensAreRefused() {
    assertThat(
        messageOf(PLAN.replace("\"seed\" : -42,", "\"seed\" : -42, \"seed\" : -42,")),
        containsString("Duplicate field 'seed'"));
    assertThat(messageOf(PLAN + "{}"), startsWith("plan.json: not a JSON document"));
  }

  @Test
  void numbersThatJsonDoesNotHaveAreRefusedWithoutAdviceOnTheParser() {
    assertThat(
        messageOf(PLAN.replace("\"seed\" : -42", "\"seed\" : NaN")),
        allOf(
            startsWith("plan.json: not a JSON document: Non-standard token 'NaN' (line "),
            not(containsString("enable"))));
  }

  @Test
  void deepNestingIsRefusedBeforeItIsFollowed() {
    assertThat(
        messageOf("[".repeat(100_000) + "]".repeat(100_000)),
        startsWith("plan.json: not a JSON document"));
  }

  @Test
  void onlyUtf8IsRead() {
    for (java.nio.charset.Charset other :
        List.of(
            StandardCharsets.UTF_16LE,
            StandardCharsets.UTF_16BE,
            StandardCharsets.UTF_16,
            java.nio.charset.Charset.forName("UTF-32BE"))) {
      assertThat(other.name(), messageOf(PLAN.getBytes(other)), startsWith("plan.json: "));
    }
    byte[] latin = PLAN.replace("lund", "malm\u00f6").getBytes(StandardCharsets.ISO_8859_1);
    assertThat(messageOf(latin), equalTo("plan.json: not a JSON document: not UTF-8"));
  }

  @Test
  void doublesAreWrittenAlikeOnEveryJdk() {
    // Double.toString of Java 17 gives the first four one more digit than that of Java 19.
    for (String shortest :
        List.of(
            "2.117582368135751E-22",
            "4.611686018427388E18",
            "4.336808689942018E-19",
            "6.525304467998525E-55",
            "0.002",
            "12.5",
            "2.0E23",
            "4.9E-324",
            "1.7976931348623157E308")) {
      RoundPlan plan = plan();
      plan.setClip(new ClipPolicy("fixed", Double.valueOf(shortest), null));
      assertThat(text(plan), containsString("\"level\" : " + shortest + ",\n"));
    }
  }

  @Property(tries = 500, seed = "71")
  void anyDoubleSurvives(@ForAll double level) throws JsonDocumentException {
    RoundPlan plan = plan();
    plan.setClip(new ClipPolicy("fixed", level, null));
    if (Double.isFinite(level)) {
      assertThat(
          read(text(plan)).getClip().getLevel(), equalTo(level)); // equalTo tells -0.0 from 0.0
    } else {
      assertThat(messageOf(text(plan)), containsString("'clip.level'"));
    }
  }

  @Property(tries = 1000, seed = "72")
  void noBytesGetPastTheDocumentedException(@ForAll @Size(max = 40) byte[] bytes) {
    assertThat(messageOf(bytes), startsWith("plan.json: "));
  }

  @Property(tries = 2000, seed = "73")
  void noDamageGetsPastTheDocumentedException(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] bytes = PLAN.getBytes(StandardCharsets.UTF_8);
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
    }
    bytes = Arrays.copyOfRange(bytes, 0, random.nextInt(2) == 0 ? bytes.length : 300);
    try {
      read(bytes);
    } catch (JsonDocumentException e) {
      assertThat(e.getMessage(), startsWith("plan.json: "));
    }
  }

  private static String text(RoundPlan plan) {
    return new String(PlainJson.write(plan), StandardCharsets.UTF_8);
  }

  private static RoundPlan read(String text) throws JsonDocumentException {
    return read(text.getBytes(StandardCharsets.UTF_8));
  }

  private static RoundPlan read(byte[] bytes) throws JsonDocumentException {
    return PlainJson.read(RoundPlan.class, RoundPlan.getClassSchema(), bytes, "plan.json");
  }

  private static String messageOf(String text) {
    return messageOf(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String messageOf(byte[] bytes) {
    return assertThrows(JsonDocumentException.class, () -> read(bytes)).getMessage();
  }
}
