package dev.sluice.pipelines.site;

import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.scores.PassageTable;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.SortedDocValuesField;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.MultiTerms;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.PostingsEnum;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.index.Terms;
import org.apache.lucene.index.TermsEnum;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.Sort;
import org.apache.lucene.search.SortField;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.NIOFSDirectory;
import org.apache.lucene.util.BytesRef;

/**
 * A site's passages, found by BM25 (k1 = 1.2, b = 0.75) over English words. Built once, then opened
 * by anyone who has its path. What it finds does not depend on the order of the passages.
 *
 * <p>Retrieval never gives a query its own rows: a passage that has the query's name, or its text
 * but for white space, is not found. {@link #own} has their words, for who counts the others. What
 * remains of them is in BM25 itself: they still count as passages by which words are rare or common
 * (idf), and by which a passage is long or short (average length).
 *
 * <p>Open ones are not thread-safe.
 */
public final class PassageIndex implements Closeable {
  /** Words of a query that are looked for; of a longer one, the most frequent. */
  static final int MAX_QUERY_WORDS = 1000;

  private static final String WORDS = "words";
  private static final String LENGTH = "length";
  private static final String NAME = "name";
  private static final String TEXT = "text"; // digest of the text, for the passage to be left out
  private static final String LINE = "line";

  /** Best first; equal ones by name, in the order of its UTF-8. */
  private static final Sort ORDER =
      new Sort(SortField.FIELD_SCORE, new SortField(NAME, SortField.Type.STRING));

  private final Directory files;
  private final DirectoryReader reader;
  private final LeafReader leaf;
  private final IndexSearcher searcher;
  private final Analysis analysis = new Analysis();

  private PassageIndex(Directory files) throws IOException {
    this.files = files;
    this.reader = DirectoryReader.open(files);
    if (reader.leaves().size() != 1) {
      throw new IOException(
          files + ": " + reader.leaves().size() + " segments, expected one; build it again");
    }
    this.leaf = reader.leaves().get(0).reader();
    this.searcher = new IndexSearcher(reader);
    searcher.setSimilarity(new BM25Similarity());
    searcher.setQueryCache(null);
  }

  /**
   * Builds an index.
   *
   * @param passages table of passages
   * @param directory on this machine, empty
   * @return how many passages
   * @throws BadInputException if a row cannot be used, or two have the same name
   */
  public static long build(String passages, Path directory) throws IOException {
    IndexWriterConfig config =
        new IndexWriterConfig(new KeywordAnalyzer())
            .setSimilarity(new BM25Similarity())
            .setMergeScheduler(new SerialMergeScheduler())
            .setUseCompoundFile(false);
    FieldType words = new FieldType();
    words.setTokenized(true);
    words.setIndexOptions(IndexOptions.DOCS_AND_FREQS);
    words.setStoreTermVectors(true); // a query's own row, word by word
    words.freeze();
    long[] count = {0};
    try (Directory files = new NIOFSDirectory(directory);
        Analysis analysis = new Analysis();
        IndexWriter writer = new IndexWriter(files, config)) {
      PassageTable.forEach(
          passages,
          (line, name, text) -> {
            String plain = plain(text);
            List<String> found = analysis.words(plain);
            Document document = new Document();
            document.add(new Field(WORDS, new Words(found), words));
            document.add(new NumericDocValuesField(LENGTH, found.size()));
            document.add(new StringField(NAME, name, Field.Store.YES));
            document.add(new SortedDocValuesField(NAME, new BytesRef(name)));
            document.add(new StringField(TEXT, textKey(plain), Field.Store.NO));
            document.add(new StoredField(LINE, line));
            writer.addDocument(document);
            count[0]++;
          });
      writer.forceMerge(1);
    }
    try (PassageIndex index = open(directory)) {
      index.requireDistinctNames(passages);
    }
    return count[0];
  }

  /** Opens an index that is built, to be read. */
  public static PassageIndex open(Path directory) throws IOException {
    Directory files = new NIOFSDirectory(directory);
    try {
      return new PassageIndex(files);
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  private void requireDistinctNames(String passages) throws IOException {
    TermsEnum names = MultiTerms.getTerms(reader, NAME).iterator();
    long first = Long.MAX_VALUE;
    long second = Long.MAX_VALUE;
    String twice = "";
    StoredFields stored = reader.storedFields();
    for (BytesRef name = names.next(); name != null; name = names.next()) {
      if (names.docFreq() > 1) {
        PostingsEnum passage = names.postings(null, PostingsEnum.NONE);
        long one = stored.document(passage.nextDoc()).getField(LINE).numericValue().longValue();
        long two = stored.document(passage.nextDoc()).getField(LINE).numericValue().longValue();
        if (Math.max(one, two) < second) {
          first = Math.min(one, two);
          second = Math.max(one, two);
          twice = name.utf8ToString();
        }
      }
    }
    if (second < Long.MAX_VALUE) {
      throw new BadInputException(
          passages
              + ": line "
              + second
              + ": passage: found "
              + TableReader.shown(twice)
              + ", which line "
              + first
              + " has, expected each once");
    }
  }

  /** A text whatever its white space: those that have the same have the same words. */
  private static String plain(String text) {
    return text.strip().replaceAll("\\s+", " ");
  }

  /** A plain text by which it is known again. */
  private static String textKey(String plain) {
    return HexFormat.of()
        .formatHex(CodeBlocks.sha256().digest(plain.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * The passages nearest to a query, but for its own rows.
   *
   * @param query name of the query
   * @param most how many at most, at least 1; fewer where fewer have a word of it
   * @return numbers in this index, best first
   */
  public int[] top(String query, String text, int most) throws IOException {
    String plain = plain(text);
    Map<String, Integer> counts = new TreeMap<>();
    for (String word : analysis.words(plain)) {
      counts.merge(word, 1, Integer::sum);
    }
    if (counts.isEmpty()) {
      return new int[0];
    }
    List<Map.Entry<String, Integer>> words = new ArrayList<>(counts.entrySet());
    if (words.size() > MAX_QUERY_WORDS) {
      words.sort(Map.Entry.<String, Integer>comparingByValue().reversed()); // stable: then by word
      words = words.subList(0, MAX_QUERY_WORDS);
    }
    BooleanQuery.Builder any = new BooleanQuery.Builder();
    for (Map.Entry<String, Integer> word : words) {
      any.add(
          new BoostQuery(new TermQuery(new Term(WORDS, word.getKey())), word.getValue()),
          BooleanClause.Occur.SHOULD);
    }
    any.add(new TermQuery(new Term(NAME, query)), BooleanClause.Occur.MUST_NOT);
    any.add(new TermQuery(new Term(TEXT, textKey(plain))), BooleanClause.Occur.MUST_NOT);
    ScoreDoc[] found = searcher.search(any.build(), most, ORDER).scoreDocs;
    return Arrays.stream(found).mapToInt(hit -> hit.doc).toArray();
  }

  /** Whether a query has rows of its own: passages of its name, or of its text. */
  public boolean hasOwn(String query, String text) throws IOException {
    return reader.docFreq(new Term(NAME, query)) > 0
        || reader.docFreq(new Term(TEXT, textKey(plain(text)))) > 0;
  }

  /**
   * The words of a query's own rows, with how often these have them, in the order of the words.
   * Takes no longer where many rows have its text.
   */
  public SortedMap<String, Long> own(String query, String text) throws IOException {
    TreeMap<String, Long> counts = new TreeMap<>();
    String plain = plain(text);
    Term same = new Term(TEXT, textKey(plain));
    long rows = reader.docFreq(same);
    if (rows > 0) {
      for (String word : analysis.words(plain)) {
        counts.merge(word, rows, Long::sum);
      }
    }
    PostingsEnum named = leaf.postings(new Term(NAME, query), PostingsEnum.NONE);
    if (named == null) {
      return counts;
    }
    int row = named.nextDoc(); // the only one: names are distinct
    PostingsEnum sames = leaf.postings(same, PostingsEnum.NONE);
    Terms words = leaf.termVectors().get(row, WORDS);
    if (words == null || (sames != null && sames.advance(row) == row)) {
      return counts; // no words, or counted with those of the text
    }
    TermsEnum each = words.iterator();
    for (BytesRef word = each.next(); word != null; word = each.next()) {
      counts.merge(word.utf8ToString(), each.totalTermFreq(), Long::sum);
    }
    return counts;
  }

  /** The name of a passage. */
  public String name(int passage) throws IOException {
    return reader.storedFields().document(passage).get(NAME);
  }

  /** Words of all passages, repeats included. */
  public long words() throws IOException {
    Terms terms = leaf.terms(WORDS);
    return terms == null ? 0 : terms.getSumTotalTermFreq();
  }

  /** How many different words. */
  public long vocabulary() throws IOException {
    Terms terms = leaf.terms(WORDS);
    return terms == null ? 0 : terms.size();
  }

  /** How often all passages have a word. */
  public long count(String word) throws IOException {
    return reader.totalTermFreq(new Term(WORDS, word));
  }

  /** Words of some passages, repeats included. */
  public long words(int[] passages) throws IOException {
    int[] ascending = passages.clone();
    Arrays.sort(ascending);
    NumericDocValues lengths = leaf.getNumericDocValues(LENGTH);
    long sum = 0;
    for (int passage : ascending) {
      if (lengths.advanceExact(passage)) {
        sum += lengths.longValue();
      }
    }
    return sum;
  }

  /** How often some passages have a word. */
  public long count(String word, int[] passages) throws IOException {
    PostingsEnum postings = leaf.postings(new Term(WORDS, word), PostingsEnum.FREQS);
    if (postings == null) {
      return 0;
    }
    int[] ascending = passages.clone();
    Arrays.sort(ascending);
    long sum = 0;
    for (int passage : ascending) {
      if (postings.docID() < passage) {
        postings.advance(passage);
      }
      sum += postings.docID() == passage ? postings.freq() : 0;
    }
    return sum;
  }

  @Override
  public void close() throws IOException {
    analysis.close();
    reader.close();
    files.close();
  }

  /** Words that are known already. */
  private static final class Words extends TokenStream {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private final Iterator<String> words;

    Words(List<String> words) {
      this.words = words.iterator();
    }

    @Override
    public boolean incrementToken() {
      clearAttributes();
      if (!words.hasNext()) {
        return false;
      }
      term.append(words.next());
      return true;
    }
  }
}
