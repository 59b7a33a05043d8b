package dev.sluice.pipelines.site;

import com.fasterxml.jackson.core.io.NumberOutput;
import dev.sluice.transforms.retrieval.JelinekMercer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Scores candidates by the words of the passages that a query retrieves: {@link JelinekMercer} over
 * the nearest passages of a {@link PassageIndex}. No model, no GPU, and the same doubles on every
 * machine.
 *
 * <p>A score is at most ln((words + vocabulary + 1) / (1 - lambda)), which a channel's range should
 * cover; one beyond it is treated as one from elsewhere would be. Immutable.
 */
public final class PassageScorer implements QueryScorer {
  private static final long serialVersionUID = 1L;

  private final String directory;
  private final int passages;
  private final double lambda;
  private final List<List<String>> candidates;

  private PassageScorer(
      String directory, int passages, double lambda, List<List<String>> candidates) {
    this.directory = directory;
    this.passages = passages;
    this.lambda = lambda;
    this.candidates = candidates;
  }

  /**
   * A scorer.
   *
   * @param index directory of a built index, the same for all workers
   * @param passages k, how many passages a query retrieves, at least 1
   * @param lambda their weight against the whole corpus, in [0, 1)
   * @throws BadInputException if a candidate has no words
   */
  public static PassageScorer of(Path index, List<String> candidates, int passages, double lambda)
      throws IOException {
    if (passages < 1) {
      throw new IllegalArgumentException("passages per query must be at least 1, got " + passages);
    }
    JelinekMercer.of(lambda, 0, 0); // says what is wrong with lambda
    ArrayList<List<String>> words = new ArrayList<>();
    try (Analysis analysis = new Analysis()) {
      for (String candidate : candidates) {
        List<String> found = analysis.candidateWords(candidate);
        if (found.isEmpty()) {
          throw new BadInputException(
              "candidate '"
                  + candidate
                  + "': found no words in it, expected letters or digits for the site's own scorer"
                  + " to look for");
        }
        words.add(new ArrayList<>(found));
      }
    }
    return new PassageScorer(index.toString(), passages, lambda, words);
  }

  /** A scorer's name, from its parameters. */
  public static String name(int passages, double lambda) {
    return "bm25-jelinek-mercer k=" + passages + " lambda=" + NumberOutput.toString(lambda, true);
  }

  @Override
  public String name() {
    return name(passages, lambda);
  }

  @Override
  public Session open() throws IOException {
    PassageIndex index = PassageIndex.open(Path.of(directory));
    try {
      return new IndexSession(index);
    } catch (IOException | RuntimeException e) {
      index.close();
      throw e;
    }
  }

  private final class IndexSession implements Session {
    private final PassageIndex index;
    private final JelinekMercer model;
    private final long[][] inCorpus; // [candidate][word]

    IndexSession(PassageIndex index) throws IOException {
      this.index = index;
      this.model = JelinekMercer.of(lambda, index.words(), index.vocabulary());
      this.inCorpus = new long[candidates.size()][];
      for (int y = 0; y < inCorpus.length; y++) {
        List<String> words = candidates.get(y);
        inCorpus[y] = new long[words.size()];
        for (int j = 0; j < inCorpus[y].length; j++) {
          inCorpus[y][j] = index.count(words.get(j));
        }
      }
    }

    @Override
    public double[] score(String query, String text) throws IOException {
      int[] found = index.top(query, text, passages);
      long retrievedWords = index.words(found);
      double[] scores = new double[candidates.size()];
      for (int y = 0; y < scores.length; y++) {
        List<String> words = candidates.get(y);
        long[] inRetrieved = new long[words.size()];
        for (int j = 0; j < inRetrieved.length; j++) {
          inRetrieved[j] = index.count(words.get(j), found);
        }
        scores[y] = model.score(inCorpus[y], inRetrieved, retrievedWords);
      }
      return scores;
    }

    @Override
    public void close() throws IOException {
      index.close();
    }
  }
}
