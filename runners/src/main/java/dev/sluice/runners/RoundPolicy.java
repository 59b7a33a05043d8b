package dev.sluice.runners;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.schemas.AllocationPolicy;
import dev.sluice.schemas.CalibrationPolicy;
import dev.sluice.schemas.RecomputePolicy;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.PlugInSplit.Portions;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;

/**
 * What a round shall have, and when it runs: policy documents, one over the other. FORMAT.md 14.2.
 *
 * @param document all of it
 * @param source where it comes from, for messages
 */
record RoundPolicy(RecomputePolicy document, String source) {
  /** Name of a policy's file, in a root and in a round. */
  static final String FILE = "policy.json";

  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** A policy as documents have it that lie one over the other. */
  static final class Layers {
    private final ObjectNode tree;
    private final String source;

    private Layers(ObjectNode tree, String source) {
      this.tree = tree;
      this.source = source;
    }

    /** No policy. */
    static Layers none() {
      return new Layers(JsonNodeFactory.instance.objectNode(), "the command line");
    }

    /**
     * These layers with what a directory's policy.json says over them, as a JSON merge patch has it
     * (RFC 7396): a field that it does not have stays, null takes away.
     */
    Layers over(Path directory) throws IOException {
      Path file = directory.resolve(FILE);
      if (Files.isDirectory(file)) {
        throw new BadInputException(file + ": is a directory, expected a JSON document");
      }
      byte[] json;
      try {
        json = Files.readAllBytes(file);
      } catch (NoSuchFileException e) {
        return this;
      }
      JsonNode patch = PlainJson.tree(json, file.toString());
      if (!patch.isObject()) {
        String found = json.length == 0 ? "an empty file" : "" + patch.getNodeType();
        throw new BadInputException(file + ": expected an object, found " + found);
      }
      ObjectNode merged = tree.deepCopy();
      merge(merged, (ObjectNode) patch);
      Layers layers = new Layers(merged, file.toString());
      layers.policy();
      return layers;
    }

    /** These layers with one field over them; null: as they are. */
    Layers with(String field, Object value) {
      if (value == null) {
        return this;
      }
      ObjectNode merged = tree.deepCopy();
      merged.set(field, MAPPER.valueToTree(value));
      return new Layers(merged, source);
    }

    /** These layers with others over them. */
    Layers with(Layers others) {
      ObjectNode merged = tree.deepCopy();
      merge(merged, others.tree);
      return new Layers(merged, source);
    }

    /** What they say together. */
    RoundPolicy policy() throws IOException {
      RecomputePolicy document =
          PlainJson.read(
              RecomputePolicy.class,
              RecomputePolicy.getClassSchema(),
              PlainJson.write(tree),
              source);
      RoundPolicy policy = new RoundPolicy(document, source);
      policy.check();
      return policy;
    }

    private static void merge(ObjectNode target, ObjectNode patch) {
      for (Iterator<Map.Entry<String, JsonNode>> it = patch.fields(); it.hasNext(); ) {
        Map.Entry<String, JsonNode> field = it.next();
        JsonNode value = field.getValue();
        if (value.isNull()) {
          target.remove(field.getKey());
        } else if (value instanceof ObjectNode object) {
          JsonNode under = target.get(field.getKey());
          ObjectNode merged =
              under instanceof ObjectNode known ? known : JsonNodeFactory.instance.objectNode();
          merge(merged, object);
          target.set(field.getKey(), merged);
        } else {
          target.set(field.getKey(), value);
        }
      }
    }
  }

  private void check() throws BadInputException {
    if (document.getMinNodes() != null && document.getMinNodes() < 1) {
      throw wrong("minNodes", document.getMinNodes(), "at least 1");
    }
    if (document.getKeep() != null && document.getKeep() < 1) {
      throw wrong("keep", document.getKeep(), "at least 1");
    }
    deadline(Instant.EPOCH);
    try {
      if (document.getAllocation() != null) {
        allocation();
      }
      if (document.getCalibration() != null) {
        calibration();
      }
    } catch (UncheckedIOException e) {
      throw new BadInputException(e.getCause().getMessage(), e);
    }
  }

  private BadInputException wrong(String field, Object found, String expected) {
    return new BadInputException(
        source
            + ": field '"
            + field
            + "': found "
            + Texts.printable("" + found)
            + ", expected "
            + expected);
  }

  /**
   * Until when every node is waited for; empty where there is no deadline.
   *
   * @param begun from when a duration counts
   */
  Optional<Instant> deadline(Instant begun) throws BadInputException {
    String text = document.getDeadline();
    if (text == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          text.matches("[0-9]{4}-.*")
              ? OffsetDateTime.parse(text).toInstant()
              : begun.plus(Durations.of(text)));
    } catch (DateTimeException | ArithmeticException e) {
      throw wrong(
          "deadline",
          "'" + text + "'",
          "an instant, as 2026-01-31T18:00:00Z, or a duration, as 36h");
    }
  }

  /** What of it decides on the contents of a round's version, on one line. */
  String roundTerms() {
    return PlainJson.line(contents().clearCalibration().build());
  }

  /** What of it decides on the contents of a calibration's version, on one line. */
  String calibrationTerms() {
    return PlainJson.line(contents().clearMoments().clearAllocation().build());
  }

  private RecomputePolicy.Builder contents() {
    return RecomputePolicy.newBuilder(document).clearDeadline().clearKeep();
  }

  /** Refuses what an allocation or a calibration cannot be told. */
  RuntimeException usage(String part, String message) {
    return new UncheckedIOException(
        new BadInputException(source + ": field '" + part + "': " + message));
  }

  /** How the next round's bits are divided; only where the document says that they are. */
  AllocationTask.Terms allocation() {
    AllocationPolicy asked = document.getAllocation();
    AllocationTask.Terms terms;
    try {
      terms =
          new AllocationTask.Terms(
              asked.getTotalBitsPerCoordinate(),
              asked.getPolicy() == null ? Policy.WATER_FILLING : Policy.of(asked.getPolicy()),
              isTrue(asked.getInteger()) ? Portions.WHOLE : Portions.FRACTIONAL,
              asked.getWeights() == null ? Weighting.CLIP : Weighting.of(asked.getWeights()),
              AllocationTask.clips(asked.getClips()),
              isTrue(asked.getRaw()) ? WarmUp.Estimate.RAW : WarmUp.Estimate.DEBIASED,
              asked.getFloor(),
              asked.getCap(),
              asked.getDelta());
    } catch (IllegalArgumentException e) {
      throw usage("allocation", e.getMessage());
    }
    terms.check(message -> usage("allocation", message));
    return terms;
  }

  /** How scores are calibrated; only where the document says that they are. */
  Calibration calibration() {
    CalibrationPolicy asked = document.getCalibration();
    Calibration calibration =
        new Calibration(
            asked.getAlphas(),
            asked.getBitsCal(),
            asked.getMethod() == null ? "conservative" : asked.getMethod(),
            asked.getGroupBy(),
            asked.getMinCell() == null ? 1 : asked.getMinCell(),
            asked.getMaxLevels() == null ? CalibrationPlan.MAX_LEVELS : asked.getMaxLevels(),
            asked.getDensity() == null ? 1 : asked.getDensity(),
            asked.getNodes(),
            document.getMinNodes(),
            asked.getMaxDensity(),
            asked.getMeanKl(),
            asked.getDelta() == null ? 0.05 : asked.getDelta());
    calibration.check(message -> usage("calibration", message));
    return calibration;
  }

  /** Whether moments are to be taken. */
  boolean hasMoments() {
    return isTrue(document.getMoments()) || document.getAllocation() != null;
  }

  private static boolean isTrue(Boolean value) {
    return value != null && value;
  }
}
