package dev.sluice.transforms.simulation;

import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedText;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.SimulationPart;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Puts the document of a simulation together from its arms. Pure; order-free. FORMAT.md 12. */
final class SimulationDraft {
  /** Value of the document's field 'format'. */
  static final String FORMAT = "sluice-simulation-1";

  private static final String TITLE =
      "Federated distillation on a text, by n-gram models inside one JVM: the counterpart of the"
          + " papers' E3 and E5, which need their language models' weights";

  private SimulationDraft() {}

  /**
   * The document.
   *
   * @param parts one for each arm, in any order
   * @throws IllegalArgumentException if arms are missing or there twice
   */
  static Simulation of(Corpus corpus, SimulationSettings settings, Iterable<SimulationPart> parts) {
    List<SimulationPart> arms = new ArrayList<>();
    parts.forEach(part -> arms.add(SimulationPart.newBuilder(part).build())); // a runner's own
    arms.sort(Comparator.comparingInt(SimulationPart::getArm));
    List<Integer> found = arms.stream().map(SimulationPart::getArm).toList();
    List<Integer> expected = settings.arms().stream().map(SimulationSettings.Arm::index).toList();
    if (!found.equals(expected)) {
      throw new IllegalArgumentException("arms must be " + expected + ", got " + found);
    }
    SimulationPart unquantised = arms.get(arms.size() - 2);
    for (SimulationPart arm : arms) {
      compare(arm, unquantised);
    }
    List<SimulatedText> texts = new ArrayList<>();
    for (WordText text : corpus.texts()) {
      texts.add(new SimulatedText(text.name(), text.sha256(), (long) text.words().size()));
    }
    List<Long> shards = new ArrayList<>();
    for (int node = 0; node < corpus.nodes(); node++) {
      shards.add(words(corpus.shard(node)));
    }
    return Simulation.newBuilder()
        .setFormat(FORMAT)
        .setTitle(TITLE)
        .setTexts(texts)
        .setSeed(settings.seed())
        .setNodes(corpus.nodes())
        .setRounds(settings.rounds())
        .setVocabulary(corpus.vocabulary())
        .setProbes(settings.probes())
        .setShardTokens(shards)
        .setBaseTokens(words(corpus.base()))
        .setProbeTokens(words(corpus.probes()))
        .setQuestionTokens(words(corpus.questions()))
        .setHeldOutTokens(Math.min(settings.heldOut(), words(corpus.heldOut())))
        .setPerplexities(arms.stream().flatMap(arm -> arm.getPerplexities().stream()).toList())
        .setChannels(arms.stream().flatMap(arm -> arm.getChannels().stream()).toList())
        .setAnswers(arms.stream().flatMap(arm -> arm.getAnswers().stream()).toList())
        .build();
  }

  private static long words(int[] part) {
    return part.length - Corpus.PAD;
  }

  /** Fills in how an arm's students differ from those of the unquantised teacher. */
  private static void compare(SimulationPart arm, SimulationPart unquantised) {
    List<Perplexity> students =
        arm.getPerplexities().stream()
            .filter(p -> p.getRound() > 0 && !p.getModel().equals("teacher"))
            .toList();
    for (int i = 0; i < students.size(); i++) {
      List<Double> own = arm.getLosses().get(i);
      List<Double> other = unquantised.getLosses().get(i);
      double[] differences = new double[own.size()];
      Arrays.setAll(differences, token -> own.get(token) - other.get(token));
      Deviation deviation = Deviation.of(differences);
      students.get(i).setExcess(deviation.mean());
      students.get(i).setExcessStandardError(deviation.standardError());
    }
  }
}
