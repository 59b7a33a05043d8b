package dev.sluice.pipelines.site;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;

/** Texts to words: English, stemmed, without stop words. */
final class Analysis implements Closeable {
  private final Analyzer english = new EnglishAnalyzer();
  private final Analyzer plain = new StandardAnalyzer(CharArraySet.EMPTY_SET);

  /** Words in the order of the text; none for a text of stop words. */
  List<String> words(String text) throws IOException {
    return words(english, text);
  }

  /** Words of a candidate, which may be a stop word: then as it stands, in lower case. */
  List<String> candidateWords(String name) throws IOException {
    List<String> words = words(name);
    return words.isEmpty() ? words(plain, name) : words;
  }

  private static List<String> words(Analyzer analyzer, String text) throws IOException {
    List<String> words = new ArrayList<>();
    try (TokenStream stream = analyzer.tokenStream("text", text)) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) {
        words.add(term.toString());
      }
      stream.end();
    }
    return words;
  }

  @Override
  public void close() {
    english.close();
    plain.close();
  }
}
