package dev.sluice.runners;

import dev.sluice.schemas.NodePlan;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A site's step. */
@Command(
    name = "encode",
    description = {
      "Quantise a site's logits and write them to the round's uplink/NODE/.",
      "The same logits under the same plan give the same bytes. An earlier encoding is replaced"
          + " when the new one is whole, and untouched if it fails."
    })
final class EncodeCommand extends SluiceCommand {
  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Round directory with the hub's plan.json.")
  private String round;

  @Option(
      names = "--node",
      required = true,
      paramLabel = "NAME",
      description = "This site's name in the plan.")
  private String node;

  @Option(
      names = "--logits",
      required = true,
      paramLabel = "FILE",
      description =
          "The logits: .npy, float16, float32 or float64, C order, one row for each probe and one"
              + " column for each token of the vocabulary. Read twice with clip auto.")
  private String logits;

  @Option(
      names = "--masked",
      paramLabel = "error|floor",
      defaultValue = "error",
      description =
          "What a logit of -infinity is. error: a mistake, nothing is sent. floor: a masked token,"
              + " sent as the clip's floor, or in the reference channel as its row's least logit, and counted. Default: ${DEFAULT-VALUE}.")
  private String masked;

  @Option(
      names = "--probe-set",
      paramLabel = "FILE",
      description = "This site's probes; required where the plan has their digest.")
  private String probeSet;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "This site's tokenizer; required where the plan has its digest.")
  private String tokenizer;

  @Option(
      names = "--key",
      paramLabel = "FILE",
      description =
          "This site's private key, as keygen wrote it: every block is signed. Required where the"
              + " plan has keys, and refused where it has none.")
  private String key;

  @Mixin private HubKeyOption hub;

  @Option(
      names = "--parallelism",
      paramLabel = "P",
      description =
          "Parts encoded at once, 1 to 16; each holds a block of logits (2 MiB as doubles; 68 MiB"
              + " in the reference channel, of which no more run than half the heap has room for)."
              + " Default: the number of processors. The files do not depend on it.")
  private Integer parallelism;

  @Override
  public Integer call() throws IOException {
    Centring.Masking masking = masking();
    RoundDirectory directory = Locations.inputs(round);
    PlannedRound planned = RoundRunner.planAsSent(directory);
    hub.check(planned, directory);
    int index = nodeIndex(planned, node);
    Optional<SigningKey> signing = signingKey(planned, index);
    FileDigest.check(
        planned.source(), "probe set", "--probe-set", planned.plan().getProbeSetDigest(), probeSet);
    FileDigest.check(
        planned.source(),
        "tokenizer",
        "--tokenizer",
        planned.plan().getTokenizerDigest(),
        tokenizer);
    String file = Locations.existing(logits).resourceId().toString();
    RunnerChoice choice = RunnerOptions.parallel(RunnerChoice.direct(), parallelism, this::usage);
    reportAttempts(directory);
    RoundRunner.Encoded encoded =
        new RoundRunner(progress())
            .encode(planned, directory, index, file, masking, choice, signing);
    out().print(summary(planned, planned.nodes().get(index), encoded));
    out().println("written to " + directory.uplink(node));
    return ExitCodes.OK;
  }

  private Optional<SigningKey> signingKey(PlannedRound planned, int index) throws IOException {
    if (!planned.isSigned()) {
      if (key != null) {
        throw new BadInputException(
            planned.source()
                + ": it has no keys, so that nobody's blocks need a signature, and --key asks for"
                + " one: not the plan that you were promised, or encode without --key");
      }
      return Optional.empty();
    }
    List<VerifyingKey> keys = planned.keyRing(index).valid();
    String fingerprints =
        keys.stream().map(VerifyingKey::fingerprint).collect(Collectors.joining(", "));
    if (key == null) {
      throw new BadInputException(
          planned.source()
              + ": blocks of '"
              + node
              + "' count only under a signature by key "
              + fingerprints
              + "; --key names the file with the private one");
    }
    SigningKey signing = KeyFiles.privateKey(key);
    if (keys.stream().noneMatch(signing::isOf)) {
      throw new BadInputException(
          key
              + ": not a key of '"
              + node
              + "' in "
              + planned.source()
              + ", which has "
              + fingerprints);
    }
    return Optional.of(signing);
  }

  private Centring.Masking masking() {
    return switch (masked) {
      case "error" -> Centring.Masking.FORBIDDEN;
      case "floor" -> Centring.Masking.ALLOWED;
      default -> throw usage("--masked: found '" + masked + "', expected 'error' or 'floor'");
    };
  }

  private static String summary(PlannedRound round, NodePlan who, RoundRunner.Encoded encoded) {
    double payload = (double) encoded.payloadBits() / encoded.probes();
    double sent = 8.0 * encoded.bytes() / encoded.probes();
    return "node       "
        + who.getName()
        + " of round "
        + round.plan().getId()
        + ": "
        + Texts.count(encoded.probes(), "probe")
        + " in "
        + Texts.count(encoded.blocks(), "block")
        + ", "
        + Texts.count(encoded.files(), "file")
        + ", "
        + Texts.bytes(encoded.bytes())
        + "\nbits/probe "
        + String.format(
            Locale.ROOT,
            "%.1f of codes (budget %d), %.1f with headers and framing (%s more)",
            payload,
            who.getBitsPerProbe(),
            sent,
            Texts.percent(sent / payload - 1))
        + (round.isRelative() ? masked(encoded) : clip(round, encoded));
  }

  private static String masked(RoundRunner.Encoded encoded) {
    return encoded.masked() == 0 ? "\n" : "\nmasked     " + encoded.masked() + " coordinates\n";
  }

  private static String clip(PlannedRound round, RoundRunner.Encoded encoded) {
    double coordinates = (double) encoded.probes() * round.vocabulary();
    String clip = Texts.number(encoded.maxClip());
    return "\nclip       "
        + (encoded.minClip() == encoded.maxClip()
            ? clip
            : Texts.number(encoded.minClip()) + " to " + clip)
        + " logits ("
        + round.plan().getClip().getPolicy()
        + "); "
        + encoded.clipped()
        + " coordinates clipped ("
        + Texts.percent(encoded.clipped() / coordinates)
        + "), "
        + encoded.masked()
        + " masked\n";
  }
}
