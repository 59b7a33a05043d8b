package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Signed rounds from the command line: keys, plans, encoding, revocation, rotation. */
class SignedRoundCommandTest {
  @TempDir Path directory;
  private Path keys;
  private Path round;

  @BeforeEach
  void keys() {
    keys = directory.resolve("keys");
    round = directory.resolve("r1");
    for (String name : List.of("a", "b", "hub")) {
      done(run("keygen", "--out", keys.toString(), "--name", name));
    }
  }

  private static Cli.Result run(String... args) {
    return Cli.run(args);
  }

  private static Cli.Result done(Cli.Result result) {
    assertThat(result.toString(), result.code(), is(0));
    return result;
  }

  private static void refused(Cli.Result result, String... messages) {
    assertThat(result.toString(), result.code(), is(3));
    for (String message : messages) {
      assertThat(result.err(), containsString(message));
    }
    assertThat(result.err(), not(containsString("unexpected")));
  }

  private String key(String name) {
    return keys.resolve(name + ".key").toString();
  }

  private String pub(String name) {
    return keys.resolve(name + ".pub").toString();
  }

  private static Cli.Result plan(Path at, String id, String... more) {
    List<String> args =
        new ArrayList<>(List.of("plan", "--round", at.toString(), "--id", id, "--nodes", "a,b"));
    args.addAll(List.of("--probes", "40", "--vocab", "16", "--bits-per-coordinate", "4"));
    args.addAll(List.of(more));
    return run(args.toArray(new String[0]));
  }

  private Cli.Result signedPlan(String... more) {
    List<String> args = new ArrayList<>(List.of("--keys", keys.toString(), "--sign", key("hub")));
    args.addAll(List.of(more));
    return plan(round, "r1", args.toArray(new String[0]));
  }

  private Cli.Result encode(Path at, String node, String... more) throws IOException {
    Path logits = directory.resolve(node + ".npy");
    Site.npy(logits, Site.logits(node.charAt(0)));
    List<String> args =
        new ArrayList<>(List.of("encode", "--round", at.toString(), "--node", node, "--logits"));
    args.add(logits.toString());
    args.addAll(List.of(more));
    return run(args.toArray(new String[0]));
  }

  private Manifest manifest(Path at) throws IOException {
    return RoundRunner.manifest(new RoundDirectory(at.toString()));
  }

  private String fingerprint(String name) throws IOException {
    return KeyFiles.publicKey(pub(name)).fingerprint();
  }

  private static String openSsl(String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(args));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes());
    assertThat(said, process.waitFor(), is(0));
    return said;
  }

  // ---- keygen ----

  @Test
  void keysAreTheirOwnersAloneAndNeverOverwritten() throws IOException {
    assertThat(
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(Path.of(key("a")), LinkOption.NOFOLLOW_LINKS)),
        equalTo("rw-------"));
    byte[] before = Files.readAllBytes(Path.of(key("a")));
    refused(run("keygen", "--out", keys.toString(), "--name", "a"), "a.key: is there already");
    Files.delete(Path.of(key("a")));
    refused(run("keygen", "--out", keys.toString(), "--name", "a"), "a.pub: is there already");
    Files.write(Path.of(key("a")), before);
    done(run("keygen", "--out", keys.toString(), "--name", "a", "--force"));
    assertThat(Files.readAllBytes(Path.of(key("a"))), not(equalTo(before)));
    assertThat(KeyFiles.pair(key("a")).verifying().fingerprint(), equalTo(fingerprint("a")));
    for (String name : List.of("../x", "a/b", "", ".a", "x".repeat(65))) {
      assertThat(name, run("keygen", "--out", keys.toString(), "--name", name).code(), is(2));
    }
    try (Stream<Path> files = Files.list(keys)) {
      assertThat(files.count(), is(6L));
    }
  }

  @Test
  void openSslReadsOurKeysAndWeReadIts() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.exists(Path.of("/usr/bin/openssl")), "no openssl here");
    String ours = openSsl("pkey", "-in", key("a"), "-pubout");
    assertThat(ours, equalTo(Files.readString(Path.of(pub("a")))));
    openSsl("genpkey", "-algorithm", "ed25519", "-out", key("c"));
    openSsl("pkey", "-in", key("c"), "-pubout", "-out", pub("c"));
    assertThat(KeyFiles.pair(key("c")).verifying().fingerprint(), equalTo(fingerprint("c")));
    openSsl("genpkey", "-algorithm", "rsa", "-out", key("d"));
    refused(
        plan(round, "r1", "--sign", key("d")), "d.key: found", "expected an Ed25519 private key");
  }

  // ---- a whole round ----

  @Test
  void aSignedRoundFromEndToEnd() throws IOException {
    Cli.Result planned = done(signedPlan());
    assertThat(
        planned.out(),
        allOf(
            containsString("signed by key " + fingerprint("hub")),
            containsString(fingerprint("a")),
            containsString("blocks count only under a signature")));
    done(encode(round, "a", "--key", key("a"), "--hub-key", pub("hub")));
    byte[] first = Files.readAllBytes(round.resolve("uplink/a/codes-00000.avro"));
    done(encode(round, "a", "--key", key("a"), "--hub-key", pub("hub")));
    assertThat(Files.readAllBytes(round.resolve("uplink/a/codes-00000.avro")), equalTo(first));
    done(encode(round, "b", "--key", key("b")));
    Cli.Result aggregated =
        done(run("aggregate", "--round", round.toString(), "--hub-key", pub("hub")));
    assertThat(
        aggregated.out(), containsString("signed     each block by a key of its node; none"));
    assertThat(manifest(round).getRevoked(), equalTo(List.of()));
    assertThat(
        run("inspect", round.toString()).out(),
        containsString("plan.sig   by key " + fingerprint("hub")));
    assertThat(
        run("audit", "--round", round.toString(), "--hub-key", pub("a"), "--logits", "a=x").err(),
        containsString("expected the hub's key " + fingerprint("a")));
    assertThat(
        Files.readString(round.resolve("report/index.html")),
        containsString("each block by a key of its node, none of them revoked"));
  }

  @Test
  void aRoundThatIsNotSignedSaysSo() throws IOException {
    done(plan(round, "r1"));
    done(encode(round, "a"));
    done(encode(round, "b"));
    assertThat(
        done(run("aggregate", "--round", round.toString())).out(), containsString("signed     no"));
    assertThat(manifest(round).getRevoked() == null, is(true));
    refused(
        run("aggregate", "--round", round.toString(), "--hub-key", pub("hub")),
        "plan.sig: no such file");
  }

  // ---- the plan ----

  @Test
  void everyNodeNeedsAKeyAndNoneIsSharedOrBroken() throws IOException {
    Files.delete(Path.of(pub("b")));
    refused(signedPlan(), "no b.pub; expected NODE.pub of every node");
    Files.copy(Path.of(pub("a")), Path.of(pub("b")));
    refused(signedPlan(), "keys/b.pub: found a key of node 'a' again");
    Files.copy(Path.of(key("a")), Path.of(pub("b")), StandardCopyOption.REPLACE_EXISTING);
    refused(signedPlan(), "b.pub: found a private key");
    Files.write(Path.of(pub("b")), new byte[20_000]);
    refused(signedPlan(), "b.pub: 20000 bytes, expected at most 16384");
    Files.delete(Path.of(pub("b")));
    Files.createDirectory(Path.of(pub("b")));
    refused(signedPlan(), "b.pub: a directory");
    assertThat(Files.exists(round.resolve("plan.json")), is(false));
    refused(plan(round, "r1", "--sign", key("b")), "b.pub: a directory");
    refused(plan(round, "r1", "--sign", pub("hub")), "found '-----BEGIN PUBLIC KEY-----'");
    Files.copy(Path.of(pub("a")), Path.of(pub("hub")), StandardCopyOption.REPLACE_EXISTING);
    refused(plan(round, "r1", "--sign", key("hub")), "is not the public key of");
  }

  /** A name with '..' in it is refused before a file of that name is looked for. */
  @Test
  void namesLeadNowhereElse() throws IOException {
    Files.copy(Path.of(pub("a")), directory.resolve("x.pub"));
    for (String node : List.of("../x", "a/../../x", "..", "/x")) {
      Cli.Result result =
          run(
              "plan",
              "--round",
              round.toString(),
              "--id",
              "r1",
              "--nodes",
              "a," + node,
              "--probes",
              "40",
              "--vocab",
              "16",
              "--bits-per-coordinate",
              "4",
              "--keys",
              keys.toString());
      assertThat(result.toString(), result.code(), is(2));
      assertThat(result.err(), containsString("--nodes"));
    }
    assertThat(
        plan(round, "../r2", "--keys", keys.toString()).err(), containsString("--id: found"));
    assertThat(Files.exists(round.resolve("plan.json")), is(false));
  }

  @Test
  void planningAgainReplacesTheSignatureOrTakesItAway() throws IOException {
    done(signedPlan());
    byte[] first = Files.readAllBytes(round.resolve("plan.sig"));
    done(signedPlan("--seed", "1", "--force"));
    assertThat(Files.readAllBytes(round.resolve("plan.sig")), not(equalTo(first)));
    done(encode(round, "a", "--key", key("a"), "--hub-key", pub("hub")));
    Files.write(round.resolve("plan.sig"), first);
    refused(
        encode(round, "a", "--key", key("a"), "--hub-key", pub("hub")),
        "plan.sig: a signature of another plan");
    done(plan(round, "r1", "--keys", keys.toString(), "--force"));
    assertThat(Files.exists(round.resolve("plan.sig")), is(false));
  }

  // ---- the site ----

  @Test
  void aSiteSignsWithItsOwnKeyWhereAndOnlyWhereItIsAsked() throws IOException {
    done(signedPlan());
    refused(
        encode(round, "a"), "blocks of 'a' count only under a signature by key ", fingerprint("a"));
    refused(encode(round, "a", "--key", key("b")), "b.key: not a key of 'a'", fingerprint("a"));
    refused(encode(round, "a", "--key", key("hub")), "not a key of 'a'");
    refused(encode(round, "a", "--key", pub("a")), "a.pub: found '-----BEGIN PUBLIC KEY-----'");
    refused(encode(round, "a", "--key", key("z")), "z.key: no such file");
    Path other = directory.resolve("plain");
    done(plan(other, "r1"));
    refused(encode(other, "a", "--key", key("a")), "it has no keys");
    assertThat(Files.exists(round.resolve("uplink")), is(false));
    assertThat(Files.exists(other.resolve("uplink")), is(false));
  }

  @Test
  void aSiteFollowsItsHubAlone() throws IOException {
    done(signedPlan());
    String[] site = {"--key", key("a"), "--hub-key", pub("hub")};
    Path sig = round.resolve("plan.sig");
    Path plan = round.resolve("plan.json");
    byte[] signature = Files.readAllBytes(sig);
    byte[] planned = Files.readAllBytes(plan);

    refused(
        encode(round, "a", "--key", key("a"), "--hub-key", pub("b")),
        "signed by key " + fingerprint("hub") + ", expected the hub's key " + fingerprint("b"));
    Files.delete(sig);
    refused(encode(round, "a", site), "plan.sig: no such file: nobody signed this plan");
    Files.write(sig, signature);

    Files.writeString(plan, new String(planned).replace("\"seed\" : 0", "\"seed\" : 1"));
    refused(encode(round, "a", site), "plan.sig: a signature of another plan");
    refused(
        run("aggregate", "--round", round.toString(), "--hub-key", pub("hub")),
        "plan.sig: a signature of another plan");
    Files.write(plan, planned);

    // the attacker's own plan, with keys of its own, properly signed by itself
    Path theirs = directory.resolve("theirs");
    done(run("keygen", "--out", theirs + "/keys", "--name", "a"));
    done(run("keygen", "--out", theirs + "/keys", "--name", "b"));
    done(run("keygen", "--out", theirs + "/keys", "--name", "hub"));
    done(
        plan(
            theirs.resolve("r1"),
            "r1",
            "--keys",
            theirs + "/keys",
            "--sign",
            theirs + "/keys/hub.key"));
    Files.copy(theirs.resolve("r1/plan.json"), plan, StandardCopyOption.REPLACE_EXISTING);
    Files.copy(theirs.resolve("r1/plan.sig"), sig, StandardCopyOption.REPLACE_EXISTING);
    refused(encode(round, "a", site), "expected the hub's key " + fingerprint("hub"));
    refused(
        run("aggregate", "--round", round.toString(), "--hub-key", pub("hub")),
        "expected the hub's key");
    Files.write(plan, planned);
    Files.writeString(sig, "{");
    refused(encode(round, "a", site), "plan.sig: not a JSON document");
    Files.writeString(plan, "{\"a\":".repeat(1000));
    refused(encode(round, "a", site), "plan.json: not a JSON document");
  }

  // ---- revocation and rotation ----

  @Test
  void aRevokedKeyIsOutUntilTheNextPlanHasANewOne() throws IOException {
    done(signedPlan());
    done(encode(round, "a", "--key", key("a")));
    done(encode(round, "b", "--key", key("b")));
    done(run("aggregate", "--round", round.toString()));
    done(
        run(
            "allocate",
            "--round",
            round.toString(),
            "--total-bits-per-coordinate",
            "8",
            "--out",
            directory + "/allocation.json"));
    refused(
        run("revoke", "--round", round.toString(), "--node", "a", "--key", "00", "--note", "x"),
        "node 'a' has no key 00; it has " + fingerprint("a"));
    refused(
        run("revoke", "--round", round.toString(), "--node", "z", "--note", "x"), "no node 'z'");
    Cli.Result revoked =
        done(
            run(
                "revoke",
                "--round",
                round.toString(),
                "--node",
                "a",
                "--key",
                fingerprint("a"),
                "--note",
                "laptop lost"));
    assertThat(revoked.err(), containsString("the round is committed as it was before"));
    assertThat(
        run("inspect", round.toString()).out(),
        allOf(
            containsString(fingerprint("a") + " (revoked)"),
            containsString("other keys are revoked by now; aggregate again")));
    refused(run("aggregate", "--round", round.toString()), "rejected from a: 1 revoked-key");
    Cli.Result without = run("aggregate", "--round", round.toString(), "--min-nodes", "1");
    assertThat(without.toString(), without.code(), is(4));
    assertThat(
        without.out(),
        allOf(containsString("revoked:"), containsString(fingerprint("a") + "  laptop lost")));
    assertThat(manifest(round).getRevoked().get(0).getNote(), equalTo("laptop lost"));
    assertThat(
        done(run("revoke", "--round", round.toString(), "--node", "a", "--note", "again")).out(),
        containsString("as it was already"));
    assertThat(run("inspect", round.toString()).out(), not(containsString("aggregate again")));

    // the next round does not take it over, and takes no directory that still has it
    Path next = directory.resolve("r2");
    String[] successor = {
      "plan",
      "--round",
      next.toString(),
      "--id",
      "r2",
      "--from",
      round.toString(),
      "--allocation",
      directory + "/allocation.json"
    };
    refused(run(successor), "all keys of node 'a' are revoked there; --keys gives it new ones");
    refused(run(with(successor, "--keys", keys.toString())), "a.pub has a key of 'a' that was");
    Path rotated = directory.resolve("rotated");
    done(run("keygen", "--out", rotated.toString(), "--name", "a"));
    Files.copy(Path.of(pub("b")), rotated.resolve("b.pub"));
    done(run(with(successor, "--keys", rotated.toString())));
    refused(encode(next, "a", "--key", key("a")), "not a key of 'a'");
    done(encode(next, "a", "--key", rotated.resolve("a.key").toString()));
  }

  @Test
  void recomputationTakesTheHubsPlansAloneAndHeedsRevocations() throws IOException {
    assertThat(signedPlan().code(), is(0));
    assertThat(encode(round, "a", "--key", key("a")).code(), is(0));
    assertThat(encode(round, "b", "--key", key("b")).code(), is(0));
    Path root = round.getParent();
    Path seal = round.resolve("plan.sig");
    byte[] signature = Files.readAllBytes(seal);
    Files.delete(seal);
    String[] hub = {"--hub-key", pub("hub"), "--min-nodes", "1"};
    Cli.Result unsigned = Schedule.recompute(root, hub);
    assertThat(unsigned.toString(), unsigned.code(), is(ExitCodes.BAD_INPUT));
    assertThat(unsigned.err(), containsString("plan.sig"));

    Files.write(seal, signature);
    Cli.Result first = Schedule.recompute(root, hub);
    assertThat(first.toString(), first.code(), is(0));
    assertThat(Schedule.recompute(root, hub).out(), containsString("1 unchanged"));

    assertThat(
        run("revoke", "--round", round.toString(), "--node", "a", "--note", "lost").code(), is(0));
    Cli.Result revoked = Schedule.recompute(root, hub);
    assertThat(revoked.toString(), revoked.code(), is(ExitCodes.DONE_WITH_REJECTS));
    Manifest manifest = RoundRunner.manifest(Locations.round(round.toString()));
    assertThat(manifest.getRevoked().size(), is(1));
    assertThat(manifest.getNodes().get(0).getBlocks(), is(0));
    assertThat(Schedule.recompute(root, hub).out(), containsString("1 unchanged"));
  }

  @Test
  void recomputationHeedsRevocationsInWhatARoundRefines() throws IOException {
    Path root = Files.createDirectories(directory.resolve("rounds"));
    round = root.resolve("r1");
    done(signedPlan());
    done(encode(round, "a", "--key", key("a")));
    done(encode(round, "b", "--key", key("b")));
    String[] two = {"--min-nodes", "2"};
    done(Schedule.recompute(root, two));
    Path next = root.resolve("r2");
    String[] successor = {"plan", "--round", "" + next, "--id", "r2", "--refines", "" + round};
    done(run(with(successor, "--sign", key("hub"))));
    done(encode(next, "a", "--key", key("a")));
    done(encode(next, "b", "--key", key("b")));
    assertThat(Schedule.recompute(root, two).out(), containsString("1 unchanged, 1 new"));
    done(run("revoke", "--round", round.toString(), "--node", "a", "--note", "lost"));
    String changed = "r2: failed, not complete";
    refused(Schedule.recompute(root, two), changed, "has changed since it was refined");
    refused(Schedule.recompute(root, two), changed, "as before");
  }

  @Test
  void recomputationAsksWhosePlanItIsAtEveryLook() throws IOException {
    done(signedPlan());
    done(encode(round, "a", "--key", key("a")));
    done(encode(round, "b", "--key", key("b")));
    Path root = round.getParent();
    String[] hub = {"--hub-key", pub("hub"), "--min-nodes", "1"};
    assertThat(Schedule.recompute(root, hub).code(), is(0));
    Files.copy(
        round.resolve("uplink/b/codes-00000.avro"), round.resolve("uplink/b/copy-00000.avro"));
    assertThat(Schedule.recompute(root, hub).code(), is(0));
    Files.delete(round.resolve("plan.sig"));
    String current = Files.readString(round.resolve("current.json"));

    refused(Schedule.recompute(root, hub), "r1: failed, " + round.resolve("plan.sig"));
    Files.delete(round.resolve("uplink/b/copy-00000.avro")); // as version 0001 was made from
    refused(Schedule.recompute(root, hub), "nobody signed this plan");
    assertThat(Files.readString(round.resolve("current.json")), equalTo(current));
    done(Schedule.recompute(root, "--min-nodes", "1"));
    refused(
        Schedule.recompute(root, "--hub-key", pub("a"), "--min-nodes", "1"),
        "nobody signed this plan");
  }

  private static String[] with(String[] args, String... more) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of(more));
    return all.toArray(new String[0]);
  }

  @Test
  void rotationOverlapsAndOneKeyOfTwoCanBeRevoked() throws IOException {
    Path fresh = directory.resolve("fresh");
    done(run("keygen", "--out", fresh.toString(), "--name", "a"));
    Files.writeString(
        Path.of(pub("a")),
        Files.readString(Path.of(pub("a"))) + Files.readString(fresh.resolve("a.pub")));
    done(signedPlan());
    done(encode(round, "a", "--key", key("a")));
    done(encode(round, "a", "--key", fresh.resolve("a.key").toString()));
    done(encode(round, "b", "--key", key("b")));
    String old = KeyFiles.registry(keys.toString(), List.of("a")).get("a").get(0);
    PlannedRound planned = RoundRunner.plan(new RoundDirectory(round.toString()));
    String print = planned.keyRing(0).valid().get(0).fingerprint();
    done(
        run("revoke", "--round", round.toString(), "--node", "a", "--key", print, "--note", "old"));
    Manifest manifest = manifestAfterAggregate();
    assertThat(manifest.getRevoked().get(0).getKey(), equalTo(old));

    // a refinement takes the key that is left, and holds the refined round against its revocations
    Path next = directory.resolve("r2");
    done(
        run(
            "plan",
            "--round",
            next.toString(),
            "--id",
            "r2",
            "--refines",
            round.toString(),
            "--sign",
            key("hub")));
    List<NodePlan> nodes = RoundRunner.plan(new RoundDirectory(next.toString())).nodes();
    assertThat(nodes.get(0).getKeys().contains(old), is(false));
    assertThat(nodes.get(0).getKeys().size(), is(1));
    String[] site = {"--key", fresh.resolve("a.key").toString(), "--hub-key", pub("hub")};
    done(encode(next, "a", site));
    done(encode(next, "b", "--key", key("b")));
    done(run("aggregate", "--round", next.toString(), "--hub-key", pub("hub")));
    done(run("revoke", "--round", round.toString(), "--node", "a", "--note", "the new one too"));
    refused(
        run("aggregate", "--round", next.toString()),
        "the uplink of 'a' in round 'r1' has changed since it was refined");
  }

  private Manifest manifestAfterAggregate() throws IOException {
    done(run("aggregate", "--round", round.toString()));
    return manifest(round);
  }

  @Test
  void aPlanThatTakesTheOldOnesPlaceKeepsWhatIsRevoked() throws IOException {
    done(signedPlan());
    done(run("revoke", "--round", round.toString(), "--node", "a", "--note", "lost"));
    Cli.Result again = done(signedPlan("--seed", "7", "--force"));
    byte[] old = Files.readAllBytes(round.resolve("plan.json"));
    assertThat(again.err(), containsString("a key of 'a' in this plan stays revoked"));
    done(run("keygen", "--out", keys.toString(), "--name", "a", "--force"));
    done(signedPlan("--force"));
    RoundDirectory at = new RoundDirectory(round.toString());
    assertThat(RoundRunner.plan(at).revoked(), is(List.of()));
    assertThat(KeyRevocations.all(at).size(), is(1)); // for whoever puts the old plan back
    Files.write(round.resolve("plan.json"), old);
    assertThat(RoundRunner.plan(at).revoked(), is(KeyRevocations.all(at)));
    done(run("revoke", "--round", round.toString(), "--node", "b", "--note", ""));
    assertThat(KeyRevocations.all(at).size(), is(2));
    done(signedPlan("--force"));
    Files.writeString(round.resolve("revoked.json"), "[".repeat(1000));
    refused(run("aggregate", "--round", round.toString()), "revoked.json: not a JSON document");
    done(encode(round, "a", "--key", key("a"))); // sites do not read it
  }

  /** Where a plan says that the rounds are that it refines, nothing but that very plan is taken. */
  @Test
  void aRefinedRoundIsKnownByItsDigestWhereverThePathLeads() throws IOException {
    done(signedPlan());
    done(encode(round, "a", "--key", key("a")));
    done(encode(round, "b", "--key", key("b")));
    done(run("aggregate", "--round", round.toString()));
    Path next = directory.resolve("r2");
    done(run("plan", "--round", next.toString(), "--id", "r2", "--refines", round.toString()));
    Path other = directory.resolve("other");
    done(plan(other, "r1"));
    Path plan = next.resolve("plan.json");
    String text = Files.readString(plan);
    for (String path : List.of("../../../../../../../../etc", "../other", "/dev", "file:///etc")) {
      Files.writeString(plan, text.replace("\"../r1\"", "\"" + path + "\""));
      refused(run("aggregate", "--round", next.toString()), "expected");
    }
    try (Stream<Path> files = Files.list(other)) {
      assertThat(
          files.map(file -> file.getFileName().toString()).toList(), is(List.of("plan.json")));
    }
  }
}
