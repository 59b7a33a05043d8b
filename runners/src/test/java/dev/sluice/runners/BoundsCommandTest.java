package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.BoundValue;
import dev.sluice.schemas.Bounds;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.bounds.BoundCatalogue;
import dev.sluice.transforms.bounds.Input;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BoundsCommandTest {
  private static final String[] FLAGS = {
    "--nodes", "4", "--vocab", "256", "--probes", "3000", "--bits-per-coordinate", "8"
  };

  @TempDir Path directory;

  private static Cli.Result bounds(String[] first, String... more) {
    List<String> args = new ArrayList<>(List.of("bounds"));
    args.addAll(List.of(first));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private static Bounds json(String[] first, String... more) throws IOException {
    List<String> all = new ArrayList<>(List.of(more));
    all.add("--json");
    Cli.Result result = bounds(first, all.toArray(new String[0]));
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.err(), is(""));
    return PlainJson.read(
        Bounds.class, Bounds.getClassSchema(), result.out().getBytes(StandardCharsets.UTF_8), "x");
  }

  private static BoundValue of(Bounds bounds, String id) {
    return bounds.getBounds().stream().filter(b -> b.getId().equals(id)).findFirst().orElseThrow();
  }

  /** THEORY 8.1: .0003 of E1's own setting. */
  @Test
  void fromNumbers() throws IOException {
    Bounds bounds = json(FLAGS, "--clip", "20");
    assertThat(bounds.getBounds().size(), is(BoundCatalogue.all().size()));
    assertThat(of(bounds, "P2-3.1").getValue(), closeTo(400 / 24.0 / 65536, 1e-15));
    assertThat(of(bounds, "risk").getValue(), nullValue());
    assertThat(of(bounds, "P1-5.5").getNeeds().contains("--f-max"), is(true));
    assertThat(bounds.getRound(), nullValue());

    Cli.Result text = bounds(FLAGS, "--clip", "20");
    assertThat(text.toString(), text.code(), is(0));
    assertThat(
        text.out(),
        allOf(
            containsString("KL(mean || teacher) at most, nats"),
            containsString("needs --alpha, --n-cal")));

    Bounds told =
        json(
            FLAGS,
            "--clip",
            "20",
            "--alpha",
            "0.1",
            "--n-cal",
            "3000",
            "--f-max",
            "100",
            "--delta",
            "0.05",
            "--concentration",
            "2",
            "--phi",
            "0",
            "--score-bits",
            "1",
            "--score-range",
            "8");
    assertThat(of(told, "P1-5.5").getValue() < 0, is(true));
    assertThat(of(told, "P1-5.5").getVacuous(), equalTo("not above 0"));
    assertThat(told.getInputs().get(0).getOption(), equalTo("--delta"));
  }

  @ParameterizedTest
  @CsvSource({"dither,3", "dither,auto", "dither,probe", "dither-paper,auto", "midrise,auto"})
  void aRoundsBoundsAreItsCertificate(String quantizer, String clip) throws IOException {
    Path round = directory.resolve("r1");
    Path logits = Site.npy(directory.resolve("a.npy"), Site.logits(1));
    assertThat(
        Cli.run(
                "plan",
                "--round",
                round.toString(),
                "--id",
                "r1",
                "--nodes",
                "a,b,c",
                "--probes",
                "40",
                "--vocab",
                "16",
                "--bits-per-coordinate",
                "3.3,b=5,c=0",
                "--clip",
                clip,
                "--quantizer",
                quantizer)
            .code(),
        is(0));
    String[] from = {"--round", round.toString()};
    boolean fixed = clip.equals("3");
    Bounds before = json(from, fixed ? new String[0] : new String[] {"--clip", "3"});
    assertThat(before.getCertificate(), nullValue());
    assertThat(before.getNodes(), is(2));
    for (String node : new String[] {"a", "b"}) {
      assertThat(
          Cli.run(
                  "encode",
                  "--round",
                  round.toString(),
                  "--node",
                  node,
                  "--logits",
                  logits.toString())
              .code(),
          is(0));
    }
    assertThat(Cli.run("aggregate", "--round", round.toString()).code(), is(0));

    Bounds bounds = json(from);
    Double upper = bounds.getCertificate().getUpper();
    double worst = bounds.getCertificate().getWorstCase();
    if (clip.equals("probe")) {
      assertThat(of(bounds, "U").getValue(), nullValue());
      assertThat(of(bounds, "U").getNote(), containsString("certificate"));
      return;
    }
    assertThat(of(bounds, "worst").getValue(), closeTo(worst, 1e-12 * worst));
    if (quantizer.equals("midrise")) {
      assertThat(upper, nullValue());
      assertThat(of(bounds, "U").getNote(), containsString("no dither"));
      return;
    }
    assertThat(of(bounds, "U").getValue(), closeTo(upper, 1e-12 * upper));
    if (fixed) {
      assertThat(of(before, "U").getValue(), closeTo(of(bounds, "U").getValue(), 1e-12 * upper));
      Bounds planned = json(new String[] {"--plan", round.resolve("plan.json").toString()});
      assertThat(of(planned, "U").getValue(), equalTo(of(before, "U").getValue()));
    }
    assertThat(bounds(from).out(), containsString("certificate of the round, nats: upper"));
  }

  /** A refinement: what was sent before counts. */
  @Test
  void aRefinementsBoundsAreItsCertificate() throws IOException {
    Path first = directory.resolve("r1");
    Path second = directory.resolve("r2");
    Path logits = Site.npy(directory.resolve("a.npy"), Site.logits(1));
    Cli.run(
        "plan",
        "--round",
        first.toString(),
        "--id",
        "r1",
        "--nodes",
        "a,b",
        "--probes",
        "40",
        "--vocab",
        "16",
        "--bits-per-coordinate",
        "3");
    for (Path round : List.of(first, second)) {
      if (round.equals(second)) {
        Cli.Result planned =
            Cli.run(
                "plan",
                "--round",
                round.toString(),
                "--id",
                "r2",
                "--refines",
                first.toString(),
                "--bits-per-coordinate",
                "2,b=0");
        assertThat(planned.toString(), planned.code(), is(0));
      }
      for (String node : round.equals(second) ? List.of("a") : List.of("a", "b")) {
        Cli.run(
            "encode", "--round", round.toString(), "--node", node, "--logits", logits.toString());
      }
      Cli.Result result = Cli.run("aggregate", "--round", round.toString());
      assertThat(result.toString(), result.code(), is(0));
    }
    Bounds bounds = json(new String[] {"--round", second.toString()});
    assertThat(bounds.getNodes(), is(2));
    double upper = bounds.getCertificate().getUpper();
    BoundValue ours = of(bounds, "U");
    if (ours.getValue() == null) {
      assertThat(ours.getNote(), containsString("certificate"));
    } else {
      assertThat(ours.getValue(), closeTo(upper, 1e-12 * upper));
    }
  }

  /** A plan's steps are wider than the papers': what does not hold here says so. */
  @Test
  void publishedBoundsOfWiderStepsSaySo() throws IOException {
    Bounds bounds = json(FLAGS, "--clip", "1", "--rounds", "1", "--c-rem", "0");
    for (String id :
        List.of(
            "P2-3.1",
            "P2-4.3",
            "P2-5.4",
            "P2-5.5",
            "P2-5.5-uniform",
            "P1-A",
            "P1-B",
            "no-averaging")) {
      assertThat(of(bounds, id).getNote(), containsString("does not hold for this plan"));
    }
    assertThat(of(bounds, "U2").getNote(), nullValue());
    Bounds attained = json(FLAGS, "--clip", "1", "--rounds", "1", "--quantizer", "dither-paper");
    assertThat(of(attained, "P2-4.3").getNote(), nullValue());
  }

  @Test
  void refusesAConcentrationThatNothingHas() {
    Cli.Result result =
        Cli.run(
            "bounds",
            "--nodes",
            "1",
            "--vocab",
            "2",
            "--probes",
            "9",
            "--bits-per-coordinate",
            "4",
            "--eta0",
            "1");
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString("--eta0: found 1.0, expected 0 to 1 - 1/V"));
  }

  @Test
  void explains() {
    Cli.Result one = Cli.run("bounds", "--explain", "p2-5.5");
    assertThat(one.toString(), one.code(), is(0));
    assertThat(
        one.out(),
        allOf(
            containsString("P2 Theorem 5.5; THEORY 5.2"),
            containsString("assumes"),
            containsString("needs        --clip")));
    Cli.Result all = Cli.run("bounds", "--list");
    BoundCatalogue.all().forEach(b -> assertThat(all.out(), containsString(b.id() + "  ")));
    assertThat(
        bounds(FLAGS, "--clip", "20", "--explain", "trace").out(),
        containsString("value        0.99609"));
  }

  @ParameterizedTest
  @CsvSource({
    "--delta,1",
    "--n-cal,2.5",
    "--eta0,-0.1",
    "--eta0,0.997",
    "--score-bits,0",
    "--explain,P3-1",
    "--f-max,x",
    "--bits-per-coordinate,17",
    "--clip,'1,2'",
    "--quantizer,round",
    "--plan,p.json"
  })
  void refusesImpossibleFlags(String flag, String value) throws IOException {
    List<String> args = new ArrayList<>(List.of("bounds"));
    for (int i = 0; i < FLAGS.length; i += 2) {
      if (!FLAGS[i].equals(flag)) {
        args.addAll(List.of(FLAGS[i], FLAGS[i + 1]));
      }
    }
    args.addAll(List.of(flag, value));
    Cli.Result result = Cli.run(args.toArray(new String[0]));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(Cli.run("bounds").code(), is(2));
    Path empty = Files.createDirectories(directory.resolve("empty"));
    assertThat(Cli.run("bounds", "--round", empty.toString()).code(), is(3));
  }

  /** An option for each input, and no clash with those of all commands. */
  @Test
  void everyInputIsAnOption() {
    String help = Cli.run("bounds", "--help").out();
    for (Input input : Input.values()) {
      assertThat(help, containsString(input.option() + "="));
    }
  }
}
