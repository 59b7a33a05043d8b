package dev.sluice.transforms.simulation;

import dev.sluice.schemas.AuditShare;
import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.SimulationPart;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.distillation.Aggregation;
import dev.sluice.transforms.distillation.ContextFeatures;
import dev.sluice.transforms.distillation.Distillation;
import dev.sluice.transforms.distillation.SoftmaxLinearStudent;
import dev.sluice.transforms.distillation.TargetTable;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.theory.Softmax;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Algorithm 1 (THEORY 7.1) on a corpus, from the base to the last round: a pure function of corpus,
 * settings and arm.
 *
 * <p>In a round every node's model is the student so far, fine-tuned by the node's counts ({@link
 * NgramModel}); the nodes' logits on the probes become a teacher; the student goes on from its
 * weights to fit that. Teachers are defined on held-out contexts as well: the nodes' logits there
 * go through the same channel, with dither of its own.
 */
final class PlayedArm {
  private static final int EPOCH_KEYS = 1 << 20; // more than the epochs of a round

  private final Corpus corpus;
  private final SimulationSettings settings;
  private final SimulationSettings.Arm arm;
  private final ContextFeatures ngrams;
  private final List<NgramModel> sites = new ArrayList<>();
  private final SoftmaxLinearStudent student;
  private final int[] probes; // places in the probes' text
  private final int[] heldOut; // places in the held-out text

  /** What is told of as it happens. */
  interface Milestones {
    void roundDone(int round) throws IOException;
  }

  private PlayedArm(Corpus corpus, SimulationSettings settings, SimulationSettings.Arm arm)
      throws BadInputException {
    this.corpus = corpus;
    this.settings = settings;
    this.arm = arm;
    this.ngrams =
        ContextFeatures.of(settings.order(), SimulationSettings.FEATURE_BITS, key("features"));
    for (int node = 0; node < corpus.nodes(); node++) {
      sites.add(NgramModel.of(corpus.vocabulary(), List.of(corpus.shard(node))));
    }
    this.student = SoftmaxLinearStudent.on(base(corpus));
    this.probes = probes();
    this.heldOut = heldOut();
  }

  /** Plays an arm. */
  static SimulationPart play(
      Corpus corpus, SimulationSettings settings, SimulationSettings.Arm arm, Milestones milestones)
      throws IOException {
    PlayedArm played = new PlayedArm(corpus, settings, arm);
    SimulationPart part =
        SimulationPart.newBuilder()
            .setArm(arm.index())
            .setPerplexities(new ArrayList<>())
            .setChannels(new ArrayList<>())
            .setAnswers(new ArrayList<>())
            .setLosses(new ArrayList<>())
            .build();
    if (arm.isReference()) {
      played.references(part);
      milestones.roundDone(0);
    } else {
      played.rounds(part, milestones);
    }
    return part;
  }

  /** log of (count + 1)/(words + V) in the public base. */
  static double[] base(Corpus corpus) {
    int[] words = corpus.base();
    double[] counts = new double[corpus.vocabulary()];
    Arrays.fill(counts, 1);
    for (int i = Corpus.PAD; i < words.length; i++) {
      counts[words[i]]++;
    }
    double all = words.length - Corpus.PAD + (double) counts.length;
    for (int v = 0; v < counts.length; v++) {
      counts[v] = StrictMath.log(counts[v] / all);
    }
    return counts;
  }

  private long key(String what) {
    return Dither.mix(settings.seed() ^ what.hashCode() * 0x9E3779B97F4A7C15L);
  }

  /**
   * Contexts to ask about: places in the probes' text in keyed order, those passed over whose last
   * two words an earlier one has. Nodes see no more of a context than that.
   */
  private int[] probes() throws BadInputException {
    int[] text = corpus.probes();
    Set<Long> seen = new HashSet<>();
    int[] chosen = new int[settings.probes()];
    for (int place : Distillation.order(text.length - Corpus.PAD, key("probes"))) {
      int at = Corpus.PAD + place;
      if (seen.size() < chosen.length
          && seen.add((long) text[at - 2] * corpus.vocabulary() + text[at - 1])) {
        chosen[seen.size() - 1] = at;
      }
    }
    if (seen.size() < chosen.length) {
      throw new BadInputException(
          "the probes' text, "
              + (text.length - Corpus.PAD)
              + " words, has "
              + seen.size()
              + " different contexts, expected at least the "
              + chosen.length
              + " probes asked for; ask for fewer, or give more text");
    }
    return chosen;
  }

  private int[] heldOut() {
    int[] order = Distillation.order(corpus.heldOut().length - Corpus.PAD, key("held-out"));
    int[] places = Arrays.copyOf(order, Math.min(order.length, settings.heldOut()));
    Arrays.sort(places);
    for (int i = 0; i < places.length; i++) {
      places[i] += Corpus.PAD;
    }
    return places;
  }

  // ---- models ----

  /**
   * The nodes' models after the contexts at some places of a text, on top of the student so far.
   */
  private final class Predictions implements ChannelRound.Sites {
    private final int[] text;
    private final int[] places;
    private final double[] logBase = new double[corpus.vocabulary()];
    private final double[] base = new double[corpus.vocabulary()];

    Predictions(int[] text, int[] places) {
      this.text = text;
      this.places = places;
    }

    @Override
    public void predict(int context, double[][] logits) {
      int at = places[context];
      student.predict(ngrams.before(text, at), logBase, base);
      for (int node = 0; node < logits.length; node++) {
        sites.get(node).predict(text[at - 2], text[at - 1], base, logits[node]);
      }
    }
  }

  /** A prediction of one word. */
  private interface Model {
    double probability(int u, int v, int w, double base);
  }

  /** −log probability of every held-out word under the student, and under a model on top of it. */
  private double[] losses(Model model) {
    int[] text = corpus.heldOut();
    double[] logBase = new double[corpus.vocabulary()];
    double[] base = new double[corpus.vocabulary()];
    double[] losses = new double[heldOut.length];
    for (int i = 0; i < losses.length; i++) {
      int at = heldOut[i];
      student.predict(ngrams.before(text, at), logBase, base);
      int w = text[at];
      losses[i] = -StrictMath.log(model.probability(text[at - 2], text[at - 1], w, base[w]));
    }
    return losses;
  }

  private double[] studentLosses() {
    return losses((u, v, w, base) -> base);
  }

  // ---- references ----

  private void references(SimulationPart part) {
    part.getPerplexities().add(perplexity("base", null, 0, studentLosses()));
    for (int node = 0; node < sites.size(); node++) {
      Perplexity alone = perplexity("node", null, 0, losses(sites.get(node)::probability));
      alone.setNode(node);
      part.getPerplexities().add(alone);
    }
    List<int[]> shards = new ArrayList<>();
    for (int node = 0; node < sites.size(); node++) {
      shards.add(corpus.shard(node));
    }
    NgramModel pooled = NgramModel.of(corpus.vocabulary(), shards);
    part.getPerplexities().add(perplexity("pooled", null, 0, losses(pooled::probability)));
  }

  // ---- rounds ----

  private void rounds(SimulationPart part, Milestones milestones) throws IOException {
    int[] text = corpus.probes();
    int[][] features = new int[probes.length][];
    Arrays.setAll(features, l -> ngrams.before(text, probes[l]));
    TargetTable targets = new TargetTable(probes.length, corpus.vocabulary());
    Predictions asked = new Predictions(text, probes);
    Predictions tested = new Predictions(corpus.heldOut(), heldOut);
    double perplexity = 0;
    for (int round = 1; round <= settings.rounds(); round++) {
      SimulatedChannel channel = teach(asked, targets, round);
      if (arm.aggregation() != Aggregation.FEDDF) {
        part.getPerplexities()
            .add(perplexity("teacher", arm.bits(), round, teacherLosses(tested, round)));
      }
      Distillation.fit(
          student, features, targets, settings.student(), key("fit") + (long) round * EPOCH_KEYS);
      if (channel != null) {
        channel.setFit(Distillation.slack(student, features, targets));
        part.getChannels().add(channel);
      }
      double[] losses = studentLosses();
      String model = arm.aggregation().isQuantised() ? "student" : arm.aggregation().label();
      Perplexity measured = perplexity(model, arm.bits(), round, losses);
      perplexity = measured.getPerplexity();
      part.getPerplexities().add(measured);
      part.getLosses().add(Arrays.stream(losses).boxed().toList());
      milestones.roundDone(round);
    }
    if (arm.aggregation() != Aggregation.FEDDF) {
      part.getAnswers().add(answers(perplexity));
    }
  }

  /** The teacher on the probes, and what the channel did to it; null where there was none. */
  private SimulatedChannel teach(Predictions asked, TargetTable targets, int round)
      throws IOException {
    if (!arm.aggregation().isQuantised()) {
      double[][] logits = new double[sites.size()][corpus.vocabulary()];
      double[] target = new double[corpus.vocabulary()];
      for (int probe = 0; probe < probes.length; probe++) {
        asked.predict(probe, logits);
        arm.aggregation().target(logits, target);
        targets.setProbabilities(probe, target);
      }
      return null;
    }
    ChannelRound channel = channel("probes", round, probes.length);
    AuditShare sums = channel.audited(asked, targets::setLogits);
    double m = sums.getProbes();
    double kl = sums.getKl() / m;
    double spread = Math.max(0, sums.getKlSquares() / m - kl * kl);
    return SimulatedChannel.newBuilder()
        .setBits(arm.bits())
        .setRound(round)
        .setKl(kl)
        .setKlStandardError(Math.sqrt(spread / Math.max(1, m - 1)))
        .setLower(sums.getLower() / m)
        .setUpper(sums.getUpper() / m)
        .setFit(0)
        .setUplinkBits(channel.uplinkBits())
        .build();
  }

  /** The same id for every bit width: all arms have the same dither. */
  private ChannelRound channel(String contexts, int round, int count) throws IOException {
    return new ChannelRound(
        contexts + "-" + round,
        settings.seed(),
        count,
        corpus.vocabulary(),
        sites.size(),
        arm.bits());
  }

  private double[] teacherLosses(Predictions tested, int round) throws IOException {
    int[] text = corpus.heldOut();
    double[] losses = new double[heldOut.length];
    if (arm.aggregation().isQuantised()) {
      double[] row = new double[corpus.vocabulary()];
      channel("held-out", round, heldOut.length)
          .play(
              tested,
              (context, means, from) -> {
                for (int v = 0; v < row.length; v++) {
                  row[v] = means[from + v];
                }
                losses[context] = loss(row, text[heldOut[context]]);
              });
      return losses;
    }
    double[][] logits = new double[sites.size()][corpus.vocabulary()];
    double[] target = new double[corpus.vocabulary()];
    for (int context = 0; context < losses.length; context++) {
      tested.predict(context, logits);
      arm.aggregation().target(logits, target);
      losses[context] = -StrictMath.log(target[text[heldOut[context]]]);
    }
    return losses;
  }

  private static double loss(double[] logits, int word) {
    double logit = logits[word];
    return Softmax.probabilities(logits, 0, logits.length, logits) - logit;
  }

  // ---- questions ----

  private SimulatedAnswers answers(double perplexity) throws BadInputException {
    int[] text = corpus.questions();
    List<ClozeQuestions.Question> questions =
        ClozeQuestions.of(text, corpus.base(), Questioned.MOST, key("questions"));
    if (questions.size() < 3) {
      throw new BadInputException(
          "the questions' text, "
              + (text.length - Corpus.PAD)
              + " words, gives "
              + questions.size()
              + " questions of "
              + ClozeQuestions.CANDIDATES
              + " candidates, expected at least 3; give more text or a larger vocabulary");
    }
    double[] logBase = new double[corpus.vocabulary()];
    double[] base = new double[corpus.vocabulary()];
    double[] weights = new double[ClozeQuestions.CANDIDATES];
    return Questioned.ask(
        questions,
        sites.size(),
        settings.seed(),
        arm.bits(),
        perplexity,
        (question, scores) -> {
          int at = question.at();
          student.predict(ngrams.before(text, at), logBase, base);
          for (int node = 0; node < scores.length; node++) {
            for (int y = 0; y < weights.length; y++) {
              int w = question.candidates()[y];
              weights[y] = sites.get(node).probability(text[at - 2], text[at - 1], w, base[w]);
            }
            Questioned.shares(weights, scores[node]);
          }
        });
  }

  private static Perplexity perplexity(String model, Double bits, int round, double[] losses) {
    Deviation deviation = Deviation.of(losses);
    return Perplexity.newBuilder()
        .setModel(model)
        .setBits(bits)
        .setRound(round)
        .setPerplexity(StrictMath.exp(deviation.mean()))
        .setNll(deviation.mean())
        .setNllStandardError(deviation.standardError())
        .build();
  }
}
