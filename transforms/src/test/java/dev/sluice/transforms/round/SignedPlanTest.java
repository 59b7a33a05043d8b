package dev.sluice.transforms.round;

import static dev.sluice.transforms.SignedFixture.signing;
import static dev.sluice.transforms.SignedFixture.text;
import static dev.sluice.transforms.SignedFixture.verifying;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.PlanSignature;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.beam.sdk.util.SerializableUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Keys in plans, the hub's signature over them, and keys taken back. */
class SignedPlanTest {
  private static final String KEY_0 = verifying(0).base64();
  private static final String KEY_1 = verifying(1).base64();
  private static final String KEY_2 = verifying(2).base64();

  @TempDir private Path directory;
  private RoundDirectory at;
  private PlannedRound round;

  private static RoundPlan plan(List<String> a, List<String> b) throws IOException {
    RoundPlan plan =
        new PlanDraft("r1", 10, 16).withNode("a", 3).withNode("b", 3).finish("plan.json").plan();
    plan.getNodes().get(0).setKeys(a);
    plan.getNodes().get(1).setKeys(b);
    return plan;
  }

  private static PlannedRound parse(RoundPlan plan) throws IOException {
    return PlannedRound.parse(PlainJson.write(plan), "plan.json");
  }

  @BeforeEach
  void signed() throws IOException {
    at = new RoundDirectory(directory.toString());
    round = parse(plan(List.of(KEY_0, KEY_1), List.of(KEY_2)));
  }

  private static String refusal(List<String> a, List<String> b) {
    return assertThrows(BadPlanException.class, () -> parse(plan(a, b))).getMessage();
  }

  // ---- keys ----

  @Test
  void aRoundIsSignedWhenItsNodesHaveKeys() throws IOException {
    assertThat(round.isSigned(), is(true));
    assertThat(round.keyRing(0).valid(), equalTo(List.of(verifying(0), verifying(1))));
    assertThat(round.keyRing(1).valid(), equalTo(List.of(verifying(2))));
    assertThat(round.revoked(), equalTo(List.of()));
    assertThat(parse(plan(null, null)).isSigned(), is(false));
  }

  @Test
  void allNodesHaveKeysOrNone() {
    assertThat(
        refusal(List.of(KEY_0), null),
        equalTo(
            "plan.json: field 'nodes[1].keys': found null, expected keys of all nodes, or of none"));
    assertThat(refusal(null, List.of(KEY_0)), containsString("'nodes[1].keys': found keys"));
    assertThat(refusal(List.of(), List.of(KEY_0)), containsString("found 0 keys, expected 1 to 4"));
  }

  @Test
  void aNodeHasFourKeysAtMostAndNoneTwice() {
    List<String> five = IntStream.range(0, 5).mapToObj(i -> KEY_0).collect(Collectors.toList());
    assertThat(refusal(five, List.of(KEY_2)), containsString("found 5 keys"));
    assertThat(
        refusal(List.of(KEY_0, KEY_0), List.of(KEY_2)),
        containsString("'nodes[0].keys[1]': found a key of node 'a' again"));
    assertThat(
        refusal(List.of(KEY_0), List.of(KEY_2, KEY_0)),
        containsString("'nodes[1].keys[1]': found a key of node 'a' again"));
  }

  @Test
  void keysAreKeys() {
    assertThat(
        refusal(List.of(KEY_0), List.of("hello")),
        equalTo(
            "plan.json: field 'nodes[1].keys[0]': found text that is no base64, expected a key in"
                + " base64"));
    assertThat(
        refusal(List.of(KEY_0), List.of(text("01" + "00".repeat(31)))),
        containsString("small order"));
  }

  // ---- the hub's signature ----

  private void seal(PlannedRound of, int pair) throws IOException {
    Files.write(directory.resolve("plan.sig"), PlanSeal.sign(of, signing(pair), verifying(pair)));
  }

  private String unsealed() {
    return assertThrows(IOException.class, () -> PlanSeal.check(round, at, verifying(3)))
        .getMessage();
  }

  private void change(Consumer<PlanSignature> change) throws IOException {
    Path file = directory.resolve("plan.sig");
    PlanSignature signature =
        PlainJson.read(
            PlanSignature.class,
            PlanSignature.getClassSchema(),
            PlanSeal.sign(round, signing(3), verifying(3)),
            "plan.sig");
    change.accept(signature);
    Files.write(file, PlainJson.write(signature));
  }

  @Test
  void exactlyThisKeyHasSignedExactlyThisPlan() throws IOException {
    assertThat(unsealed(), containsString("plan.sig: no such file: nobody signed this plan"));
    seal(round, 3);
    PlanSeal.check(round, at, verifying(3));
    assertThat(PlanSeal.signer(round, at), equalTo(verifying(3)));
    seal(round, 0);
    assertThat(
        unsealed(),
        containsString(
            "signed by key "
                + verifying(0).fingerprint()
                + ", expected the hub's key "
                + verifying(3).fingerprint()));
    seal(parse(plan(List.of(KEY_1), List.of(KEY_2))), 3);
    assertThat(unsealed(), containsString("a signature of another plan: expected digest"));
  }

  @Test
  void aSignatureThatWasTamperedWithIsNone() throws IOException {
    change(signature -> signature.setKey(KEY_0));
    assertThat(unsealed(), containsString("does not verify under key"));
    PlannedRound other = parse(plan(List.of(KEY_1), List.of(KEY_2)));
    byte[] theirs = PlanSeal.sign(other, signing(3), verifying(3));
    String stolen = new String(theirs, StandardCharsets.UTF_8).split("\"signature\" : \"")[1];
    change(signature -> signature.setSignature(stolen.substring(0, 88)));
    assertThat(unsealed(), containsString("does not verify under key"));
    change(signature -> signature.setSignature("AAAA"));
    assertThat(unsealed(), containsString("does not verify"));
    change(signature -> signature.setSignature("-"));
    assertThat(unsealed(), containsString("no base64"));
    change(signature -> signature.setKey("AAAA"));
    assertThat(unsealed(), containsString("field 'key'"));
    change(signature -> signature.setFormat("sluice-plan-signature-2"));
    assertThat(unsealed(), containsString("field 'format'"));
    Path file = directory.resolve("plan.sig");
    Files.writeString(file, "[".repeat(4000));
    assertThat(unsealed(), containsString("plan.sig: not a JSON document"));
    Files.writeString(file, " ".repeat(5000));
    assertThat(unsealed(), containsString("5000 bytes, expected at most 4096"));
  }

  /** A node's signature over digests of its choice is none over a plan, and none the other way. */
  @Test
  void aBlocksSignatureIsNoPlans() {
    byte[] digest = round.digest().bytes();
    byte[] asBlock =
        signing(3).sign(dev.sluice.transforms.trust.SignedMessage.ofBlock(digest, digest));
    assertThat(
        verifying(3).verifies(dev.sluice.transforms.trust.SignedMessage.ofPlan(digest), asBlock),
        is(false));
    assertThat(Base64.getEncoder().encodeToString(asBlock).length(), is(88));
  }

  // ---- revocations ----

  private String refused() {
    return assertThrows(IOException.class, () -> KeyRevocations.applied(round, at)).getMessage();
  }

  private void revoke(RevokedKey... keys) throws IOException {
    KeyRevocations.write(round, at, List.of(keys));
  }

  @Test
  void aRevokedKeyNoLongerCountsOnAnyWorker() throws IOException {
    assertThat(KeyRevocations.applied(round, at) == round, is(true));
    RevokedKey first = new RevokedKey("a", KEY_0, "lost");
    RevokedKey second = new RevokedKey("b", KEY_2, "");
    revoke(second, first);
    PlannedRound without = KeyRevocations.applied(round, at);
    for (PlannedRound copy : List.of(without, SerializableUtils.clone(without))) {
      assertThat(copy.keyRing(0).valid(), equalTo(List.of(verifying(1))));
      assertThat(copy.keyRing(0).revoked(), equalTo(List.of(verifying(0))));
      assertThat(copy.keyRing(1).valid(), equalTo(List.of()));
      assertThat(copy.revoked(), equalTo(List.of(first, second)));
      assertThat(copy.digestHex(), equalTo(round.digestHex()));
    }
    assertThat(SerializableUtils.clone(round).revoked(), equalTo(List.of()));
  }

  @Test
  void aRevocationIsNeverPassedOver() throws IOException {
    revoke(new RevokedKey("b", KEY_0, ""));
    assertThat(
        refused(),
        allOf(containsString("revoked.json: field 'keys[0]'"), containsString("found node 'b'")));
    revoke(new RevokedKey("../../a", KEY_0, ""));
    assertThat(refused(), containsString("found node '../../a'"));
    revoke(new RevokedKey("a", KEY_0, ""), new RevokedKey("a", KEY_0, "again"));
    assertThat(refused(), containsString("is here twice"));
    revoke(new RevokedKey("a", "AAAA", ""));
    assertThat(refused(), containsString("with a key that is none"));
    Path file = directory.resolve("revoked.json");
    revoke();
    String text = Files.readString(file);
    Files.writeString(file, text.replace("\"r1\"", "\"../r2\""));
    assertThat(refused(), containsString("field 'round': found '../r2', expected 'r1'"));
    Files.writeString(file, text.replace("sluice-revocations-1", "x"));
    assertThat(refused(), containsString("field 'format'"));
    Files.writeString(file, text.replace("keys", "kays"));
    assertThat(refused(), containsString("unknown field"));
    Files.writeString(file, "[".repeat(100_000));
    assertThat(refused(), containsString("not a JSON document"));
    Files.delete(file);
    Files.createDirectory(file);
    assertThat(refused(), containsString("no plain file"));
  }

  /** A version keeps the plan that it was made under; revocations are of all plans. */
  @Test
  void anEarlierVersionMayHaveAnotherPlan() throws IOException {
    RevokedKey first = new RevokedKey("a", KEY_0, "");
    revoke(first, new RevokedKey("a", verifying(3).base64(), "of an earlier plan"));
    assertThat(KeyRevocations.applied(round, at).revoked(), equalTo(List.of(first)));
    at = at.withOutputs(directory + "/versions/0001");
    assertThat(KeyRevocations.applied(round, at).revoked(), equalTo(List.of(first)));
  }

  @Test
  void anUnsignedRoundHasNothingToRevoke() throws IOException {
    revoke(new RevokedKey("a", KEY_0, ""));
    round = parse(plan(null, null));
    assertThat(refused(), containsString("does not give it"));
  }
}
