package dev.sluice.pipelines.site;

import com.fasterxml.jackson.core.io.NumberOutput;
import dev.sluice.transforms.retrieval.JelinekMercer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * Scores candidates by the words of the passages that a query retrieves: {@link JelinekMercer} over
 * the nearest passages of a {@link PassageIndex}. No model, no GPU, and the same doubles on every
 * machine.
 *
 * <p>A query's own rows (passages of its name, or of its text but for white space) are left out: of
 * retrieval, and of the language model, whose words, counts and vocabulary are those of a corpus
 * without them. So a calibration query that is a row of the corpus is scored as a test query that
 * is none, but for one thing: which other passages are nearest, and in which order, BM25 says with
 * an idf and an average length that know these rows.
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
    private final JelinekMercer model; // of all passages
    private final long[][] inCorpus; // [candidate][word], in all passages

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
      SortedMap<String, Long> own = index.own(query, text);
      JelinekMercer others = own.isEmpty() ? model : without(own);
      int[] found = index.top(query, text, passages);
      long retrievedWords = index.words(found);
      double[] scores = new double[candidates.size()];
      for (int y = 0; y < scores.length; y++) {
        List<String> words = candidates.get(y);
        long[] inOthers = new long[words.size()];
        long[] inRetrieved = new long[words.size()];
        for (int j = 0; j < inRetrieved.length; j++) {
          inOthers[j] = inCorpus[y][j] - own.getOrDefault(words.get(j), 0L);
          inRetrieved[j] = index.count(words.get(j), found);
        }
        scores[y] = others.score(inOthers, inRetrieved, retrievedWords);
      }
      return scores;
    }

    /** The model of the passages but a query's own rows. */
    private JelinekMercer without(SortedMap<String, Long> own) throws IOException {
      long words = index.words();
      long vocabulary = index.vocabulary();
      for (Map.Entry<String, Long> word : own.entrySet()) {
        words -= word.getValue();
        vocabulary -= index.count(word.getKey()) == word.getValue() ? 1 : 0;
      }
      return JelinekMercer.of(lambda, words, vocabulary);
    }

    @Override
    public void close() throws IOException {
      index.close();
    }
  }
}
