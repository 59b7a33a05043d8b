package dev.sluice.transforms.recompute;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.IndexedFile;
import dev.sluice.schemas.RecomputeInput;
import dev.sluice.schemas.VersionState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whether a round is computed again, as tables. */
class DecisionTest {
  private static List<RecomputeInput> inputs(String... namesAndDigests) {
    return Stream.of(namesAndDigests)
        .map(text -> text.split("=", -1))
        .map(pair -> new RecomputeInput(pair[0], 7L, pair[1]))
        .toList();
  }

  private static Change change(
      String terms, List<RecomputeInput> made, String nowTerms, List<RecomputeInput> now) {
    List<RecomputeInput> shuffled = new ArrayList<>(now);
    Collections.reverse(shuffled);
    return Change.of(
        Optional.of(
            new VersionState("sluice-version-1", terms, made, "manifest.json", "x", List.of())),
        nowTerms,
        shuffled);
  }

  @ParameterizedTest
  @CsvSource({
    "plan.json=1 a/x=1 b/x=1, {}, UNCHANGED",
    "plan.json=1 a/x=1 b/x=1 c/x=1, {}, LATE",
    "plan.json=1 a/x=1 b/x=1 a/y=1, {}, LATE",
    "plan.json=1 a/x=1 b/x=1 revoked.json=1, {}, CHANGED",
    "plan.json=1 a/x=2 b/x=1, {}, CHANGED",
    "plan.json=1 a/x=2 b/x=1 c/x=1, {}, CHANGED",
    "plan.json=1 a/x=1, {}, CHANGED",
    "plan.json=1 a/x=1 c/x=1, {}, CHANGED",
    "plan.json=2 a/x=1 b/x=1, {}, CHANGED",
    "plan.json=1 a/x=1 b/x=1, {moments}, CHANGED",
    "plan.json=1 a/x=1 b/x=1 c/x=1, {moments}, CHANGED"
  })
  void inputsAreComparedByNameAndContents(String now, String terms, Change expected) {
    List<RecomputeInput> made = inputs("plan.json=1", "a/x=1", "b/x=1");
    assertThat(change("{}", made, terms, inputs(now.split(" ", -1))), is(expected));
  }

  @Test
  void whatHasNoVersionIsNew() {
    assertThat(Change.of(Optional.empty(), "{}", inputs("plan.json=1")), is(Change.NEW));
    assertThat(Change.of(Optional.empty(), "{}", List.of()), is(Change.NEW));
  }

  /** Of four nodes, {@code fewest} have every block; the deadline is at 100. */
  @ParameterizedTest
  @CsvSource({
    // missing, fewest, min, deadline, now, gate
    "0, 4, 4, 100, 0, OPEN",
    "0, 4, 2, 100, 99, OPEN",
    "0, 4, 4, , 0, OPEN",
    "1, 3, 4, 100, 99, WAITING",
    "1, 3, 3, 100, 99, WAITING",
    "1, 3, 3, 100, 100, OPEN",
    "1, 3, 3, 100, 101, OPEN",
    "1, 3, 4, 100, 100, OVERDUE",
    "3, 1, 2, 100, 1000, OVERDUE",
    "2, 1, 1, 100, 1000, OPEN",
    "4, 0, 1, 100, 1000, OVERDUE",
    "1, 3, 3, , 0, OPEN",
    "1, 3, 4, , 1000, WAITING",
    "4, 0, 1, , 1000, WAITING"
  })
  void theClockDecidesOnWhenAlone(
      int missing, int fewest, int min, Long deadline, long now, Gate expected) {
    List<String> names = List.of("a", "b", "c", "d").subList(0, missing);
    assertThat(
        Gate.of(
            new Presence(4, names, fewest),
            min,
            Optional.ofNullable(deadline).map(Instant::ofEpochSecond),
            Instant.ofEpochSecond(now)),
        is(expected));
  }

  private static BitSet blocks(String text) {
    BitSet blocks = new BitSet();
    BlockSet.add(blocks, text);
    return blocks;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0-4|0-4|0-4||3",
        "0-4|0-3|0-4|b|2",
        "0-4|1-4|0-3|b,c|2",
        "0-1|2-4||a,b,c|1",
        "'' |'' |''|a,b,c|0",
        "0-9|0-4,7|0-4||3"
      })
  void nodesThatLackABlockAreMissing(String a, String b, String c, String missing, int fewest) {
    List<BitSet> sent = Stream.of(a, b, c).map(t -> blocks(t == null ? "" : t.strip())).toList();
    assertThat(
        Presence.of(List.of("a", "b", "c"), sent, 5),
        is(new Presence(3, missing == null ? List.of() : List.of(missing.split(",")), fewest)));
  }

  @Property(tries = 200)
  void setsOfBlocksGoThroughText(@ForAll @Size(max = 40) List<@IntRange(max = 60) Integer> some) {
    BitSet blocks = new BitSet();
    some.forEach(blocks::set);
    assertThat(blocks(BlockSet.text(blocks)), is(blocks));
  }

  @Test
  void setsOfBlocksAsText() {
    assertThat(BlockSet.text(blocks("0-9,12,14-15")), is("0-9,12,14-15"));
    for (String wrong : List.of("x", "3-1", "1,,2", "-3", "1-")) {
      assertThrows(NumberFormatException.class, () -> blocks(wrong), wrong);
    }
  }

  /** The index says 7 bytes, modified at 10, changed at 12, and is of 20. */
  @ParameterizedTest
  @CsvSource({
    // changed in the index, index as of, bytes, modified, changed now, clean
    "12, 20, 7, 10, 12, true",
    "12, 20, 8, 10, 12, false",
    "12, 20, 7, 11, 12, false",
    "12, 20, 7, 10, 13, false",
    "12, 20, 7, 10, , false",
    ", 20, 7, 10, , true",
    ", 20, 7, 10, 12, false",
    // as young as the index: times tell nothing
    "12, 12, 7, 10, 12, false",
    "12, 11, 7, 10, 12, false",
    "12, 13, 7, 10, 12, true",
    ", 10, 7, 10, , false",
    ", 11, 7, 10, , true"
  })
  void aFileIsCleanIfItsEntryIsOlderThanTheIndex(
      Long entryChanged, long asOf, long bytes, long modified, Long changed, boolean clean) {
    IndexedFile entry =
        new IndexedFile(new RecomputeInput("a/x", 7L, "1"), 10L, entryChanged, null, null);
    assertThat(
        Freshness.isClean(entry, asOf, bytes, modified, Optional.ofNullable(changed)), is(clean));
  }
}
