package dev.sluice.transforms;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import dev.sluice.transforms.uplink.BlockSeal;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;

/** Rounds whose nodes sign, with the keys of RFC 8032's test vectors. */
public final class SignedFixture {
  private static final String[][] PAIRS = {
    {
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    },
    {
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    },
    {
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    },
    {
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"
    },
  };

  private SignedFixture() {}

  /** Private key number 0 to 3. */
  public static SigningKey signing(int pair) {
    try {
      return SigningKey.ofDer(
          HexFormat.of().parseHex("302e020100300506032b657004220420" + PAIRS[pair][0]));
    } catch (BadKeyException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The public key of the same pair. */
  public static VerifyingKey verifying(int pair) {
    try {
      return VerifyingKey.of(text(PAIRS[pair][1]));
    } catch (BadKeyException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A public key as in documents, of its 32 bytes in hexadecimal. */
  public static String text(String point) {
    byte[] der = HexFormat.of().parseHex("302a300506032b6570032100" + point);
    return Base64.getEncoder().encodeToString(der);
  }

  /** A plan with keys: node i has pair i, or none where there is none left. */
  public static PlannedRound keyed(RoundPlan plan) throws IOException {
    for (int node = 0; node < plan.getNodes().size(); node++) {
      plan.getNodes().get(node).setKeys(new ArrayList<>(List.of(verifying(node).base64())));
    }
    return PlannedRound.parse(PlainJson.write(plan), "plan.json");
  }

  /** Digest of the head that the fixture's containers have. */
  public static Sha256 head() {
    return headOf(RoundFixture.container(List.of()));
  }

  /** Digest of a container's head. */
  public static Sha256 headOf(byte[] container) {
    try (ContainerScanner scanner =
        new ContainerScanner(new ByteArrayInputStream(container), CodeBlock.getClassSchema())) {
      return scanner.headDigest();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NotAContainerException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** A block as signed for a file with the fixture's head. */
  public static CodeBlock signed(CodeBlock block, SigningKey key) {
    CodeBlock copy = CodeBlock.newBuilder(block).build();
    BlockSeal.sign(copy, head(), key);
    return copy;
  }

  /** All blocks of a node, signed by a pair's key, in a container. */
  public static byte[] container(RoundFixture fixture, int node, int pair) {
    return RoundFixture.container(
        fixture.blocks(node).stream().map(block -> signed(block, signing(pair))).toList());
  }
}
