package dev.sluice.transforms.retrieval;

/**
 * How little a candidate's words fit the passages Z retrieved for a query: their mean negative
 * log-likelihood under a language model of Z, smoothed by one of the site's corpus C, which for a
 * query that is itself a row of it is the corpus without that row.
 *
 * <pre>
 * s = -(1/m) sum_j ln( lambda p(w_j|Z) + (1 - lambda) p(w_j|C) )
 * p(w|Z) = count of w in Z / words of Z;  p(w|C) where Z has no words
 * p(w|C) = (count of w in C + 1) / (words of C + vocabulary of C + 1)
 * </pre>
 *
 * <p>A word that the corpus does not have is one more word of the vocabulary, so that every score
 * is finite: 0 <= s <= -ln((1 - lambda) / (words of C + vocabulary + 1)). That is below 20 nats for
 * lambda = 1/2 while words and vocabulary are below 2.4e8. Terms are added in the order of the
 * candidate's words, with StrictMath, so that a score is the same double everywhere.
 *
 * <p>Jelinek and Mercer, 1980; Zhai and Lafferty, ACM TOIS 22(2), 2004. Immutable.
 */
public final class JelinekMercer {
  private final double lambda;
  private final double denominator;
  private final long corpusWords;

  private JelinekMercer(double lambda, long corpusWords, long vocabulary) {
    this.lambda = lambda;
    this.corpusWords = corpusWords;
    this.denominator = (double) corpusWords + vocabulary + 1;
  }

  /**
   * The model of a corpus.
   *
   * @param lambda weight of the retrieved passages, in [0, 1)
   * @param corpusWords words of the corpus, repeats included, in [0, 2^52]
   * @param vocabulary how many different ones, at most corpusWords
   */
  public static JelinekMercer of(double lambda, long corpusWords, long vocabulary) {
    if (!(lambda >= 0 && lambda < 1)) {
      throw new IllegalArgumentException("lambda must be in [0, 1), got " + lambda);
    }
    if (corpusWords < 0 || corpusWords > 1L << 52) {
      throw new IllegalArgumentException(
          "words of a corpus must be in [0, 2^52], got " + corpusWords);
    }
    if (vocabulary < 0 || vocabulary > corpusWords) {
      throw new IllegalArgumentException(
          "a vocabulary must be in [0, " + corpusWords + "], got " + vocabulary);
    }
    return new JelinekMercer(lambda, corpusWords, vocabulary);
  }

  /**
   * A candidate's score.
   *
   * @param inCorpus [m >= 1] how often the corpus has the candidate's j-th word
   * @param inRetrieved [m] how often the retrieved passages have it
   * @param retrievedWords words of the retrieved passages, repeats included; 0 for none retrieved
   * @return nats, at least 0
   * @throws IllegalArgumentException if a word is more often in a part than the part has words
   */
  public double score(long[] inCorpus, long[] inRetrieved, long retrievedWords) {
    if (inCorpus.length == 0 || inCorpus.length != inRetrieved.length) {
      throw new IllegalArgumentException(
          "a candidate needs counts of the same words, at least 1, got "
              + inCorpus.length
              + " and "
              + inRetrieved.length);
    }
    double sum = 0;
    for (int j = 0; j < inCorpus.length; j++) {
      if (inRetrieved[j] < 0
          || inRetrieved[j] > retrievedWords
          || inCorpus[j] < 0
          || inCorpus[j] > corpusWords) {
        throw new IllegalArgumentException(
            "word "
                + j
                + ": counted "
                + inRetrieved[j]
                + " times in "
                + retrievedWords
                + " words retrieved and "
                + inCorpus[j]
                + " times in "
                + corpusWords
                + " of the corpus");
      }
      double background = (inCorpus[j] + 1.0) / denominator;
      double retrieved =
          retrievedWords == 0 ? background : inRetrieved[j] / (double) retrievedWords;
      sum += StrictMath.log(lambda * retrieved + (1 - lambda) * background);
    }
    return Math.max(0, -sum / inCorpus.length);
  }
}
