package dev.sluice.transforms.simulation;

import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.distillation.Distillation;
import java.util.ArrayList;
import java.util.List;

/**
 * Which of {@value #CANDIDATES} words stands next? The true one is among them; the others are drawn
 * from the public base, as often as words are there. Unknown words and ends of lines are neither
 * asked for nor offered. A question's place, its candidates and their order are keyed hashes of its
 * number, and which questions calibrate is drawn too, so that those and the test questions are
 * exchangeable.
 */
final class ClozeQuestions {
  /** Candidates of a question. */
  static final int CANDIDATES = 8;

  /** Draws after which a question without enough different candidates is given up. */
  private static final int MOST_DRAWS = 1000;

  private ClozeQuestions() {}

  /**
   * A question.
   *
   * @param at index in the text of the word asked for
   * @param candidates words, all different
   * @param truth index of the true one among them
   */
  // The arrays are the point of the record; it is handed over, not shared.
  @SuppressWarnings("ArrayRecordComponent")
  record Question(int at, int[] candidates, int truth) {}

  /**
   * Draws questions, in an order that says nothing.
   *
   * @param text words asked for, {@link Corpus#PAD} marks before them
   * @param base words to draw from, marks before them
   * @param most how many are wanted; fewer come where the text has fewer
   */
  static List<Question> of(int[] text, int[] base, int most, long key) {
    List<Question> questions = new ArrayList<>();
    for (int place : Distillation.order(text.length - Corpus.PAD, key)) {
      if (questions.size() == most) {
        break;
      }
      int at = Corpus.PAD + place;
      if (isWord(text[at])) {
        int[] candidates = candidates(text[at], base, Dither.mix(key + 1 + place));
        if (candidates != null) {
          int truth = (int) Math.floorMod(Dither.mix(key ^ place), CANDIDATES);
          candidates[0] = candidates[truth];
          candidates[truth] = text[at];
          questions.add(new Question(at, candidates, truth));
        }
      }
    }
    return questions;
  }

  private static boolean isWord(int token) {
    return token != Corpus.UNKNOWN && token != Corpus.END_OF_LINE;
  }

  /** The true one first; null where the base has too few words. */
  private static int[] candidates(int truth, int[] base, long key) {
    int[] candidates = new int[CANDIDATES];
    candidates[0] = truth;
    int used = 1;
    for (int draw = 0; draw < MOST_DRAWS && used < CANDIDATES; draw++) {
      int range = base.length - Corpus.PAD;
      int word = base[Corpus.PAD + (int) Math.floorMod(Dither.mix(key + draw), (long) range)];
      boolean fresh = isWord(word);
      for (int i = 0; i < used; i++) {
        fresh &= candidates[i] != word;
      }
      if (fresh) {
        candidates[used++] = word;
      }
    }
    return used == CANDIDATES ? candidates : null;
  }
}
