package dev.sluice.transforms.trust;

import static dev.sluice.transforms.SignedFixture.signing;
import static dev.sluice.transforms.SignedFixture.text;
import static dev.sluice.transforms.SignedFixture.verifying;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.util.SerializableUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KeysTest {
  private static final HexFormat HEX = HexFormat.of();

  /** L, the order of the group. */
  private static final BigInteger ORDER =
      BigInteger.ONE.shiftLeft(252).add(new BigInteger("27742317777372353535851937790883648493"));

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] sha256(String text) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(ascii(text));
  }

  /** RFC 8032 7.1, tests 1 to 3. */
  @ParameterizedTest
  @CsvSource({
    "0, '', e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    "1, 72, 92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    "2, af82, 6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  })
  void signsAsTheStandardSays(int pair, String message, String signature) {
    byte[] signed = signing(pair).sign(HEX.parseHex(message));
    assertThat(HEX.formatHex(signed), equalTo(signature));
    assertThat(verifying(pair).verifies(HEX.parseHex(message), signed), is(true));
    assertThat(verifying(3).verifies(HEX.parseHex(message), signed), is(false));
    assertThat(signing(pair).isOf(verifying(pair)), is(true));
    assertThat(signing(pair).isOf(verifying(3)), is(false));
  }

  /** The vectors of FORMAT.md 2.1, which OpenSSL made as well. */
  @Test
  void signsPlansAndBlocksAsTheFormatSays() throws Exception {
    assertThat(
        HEX.formatHex(signing(0).sign(SignedMessage.ofPlan(sha256("plan")))),
        equalTo(
            "af17be0efee8840e3285805116fbb7a8ce6bf4f5a620915429f0b6544aa2f32b"
                + "514fb9e4baa6dd4689c585263b2d48cc4208490b9f48778e04f0de386cde1800"));
    assertThat(
        HEX.formatHex(signing(0).sign(SignedMessage.ofBlock(sha256("head"), sha256("content")))),
        equalTo(
            "932c20c0d8f510b94ef2c6d3f836171c07f614b48954e434bf8032f4172a50f5"
                + "8c32f5f6e7378189f062a601dac3f44585cc5eeca8eb43cb42667b9bf1b57008"));
    assertThat(verifying(0).fingerprint(), equalTo("06e3fd8fda29bb60"));
    assertThrows(IllegalArgumentException.class, () -> SignedMessage.ofPlan(new byte[31]));
  }

  /** S + L is the same number in the group; a signature has one form alone. */
  @Test
  void anotherFormOfTheSameSignatureIsNone() {
    byte[] signature = signing(0).sign(ascii("message"));
    byte[] reversed = new byte[32];
    for (int i = 0; i < 32; i++) {
      reversed[i] = signature[63 - i];
    }
    byte[] sum = new BigInteger(1, reversed).add(ORDER).toByteArray();
    byte[] other = signature.clone();
    for (int i = 0; i < 32; i++) {
      other[32 + i] = sum[sum.length - 1 - i];
    }
    assertThat(other, not(equalTo(signature)));
    assertThat(verifying(0).verifies(ascii("message"), signature), is(true));
    assertThat(verifying(0).verifies(ascii("message"), other), is(false));
  }

  @Test
  void everyBitOfSignatureAndMessageCounts() {
    byte[] message = ascii("sixteen bytes ok");
    byte[] signature = signing(0).sign(message);
    for (int bit = 0; bit < 512; bit++) {
      signature[bit / 8] ^= (byte) (1 << bit % 8);
      assertThat("bit " + bit, verifying(0).verifies(message, signature), is(false));
      signature[bit / 8] ^= (byte) (1 << bit % 8);
    }
    for (int bit = 0; bit < 128; bit++) {
      message[bit / 8] ^= (byte) (1 << bit % 8);
      assertThat("bit " + bit, verifying(0).verifies(message, signature), is(false));
      message[bit / 8] ^= (byte) (1 << bit % 8);
    }
    for (int length : new int[] {0, 1, 63, 65, 128}) {
      byte[] other = java.util.Arrays.copyOf(signature, length);
      assertThat(verifying(0).verifies(message, other), is(false));
    }
  }

  private static String refusal(String base64) {
    return assertThrows(BadKeyException.class, () -> VerifyingKey.of(base64)).getMessage();
  }

  /** The eight points whose order divides 8, two of them written in two ways. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      })
  void aKeyThatAnyoneCanSignUnderIsNone(String point) {
    assertThat(refusal(text(point)), containsString("small order"));
  }

  @Test
  void aKeyIsAPoint() {
    // y = p + 1, y = p, y = 2^255 - 1 written so, and y = 2, of which there is no x
    for (String point :
        List.of(
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0200000000000000000000000000000000000000000000000000000000000000")) {
      assertThat(refusal(text(point)), containsString("no point of the curve"));
    }
  }

  @Test
  void aKeyHasOneText() {
    String key = verifying(0).base64();
    assertThat(key.length(), is(60));
    assertThat(refusal(key.replace("=", "")), containsString("canonical"));
    assertThat(refusal(" " + key), containsString("no base64"));
    assertThat(refusal(key + "\n"), containsString("no base64"));
    assertThat(refusal(""), containsString("0 bytes of something else"));
    byte[] der = Base64.getDecoder().decode(key);
    der[8] = 0x71; // Ed448's identifier
    assertThat(refusal(Base64.getEncoder().encodeToString(der)), containsString("Ed25519"));
    String spare = key.substring(0, 58) + (char) (key.charAt(58) + 1) + "=";
    assertThat(refusal(spare), containsString("canonical"));
  }

  @Test
  void keysSurviveSerialisation() {
    assertThat(SerializableUtils.clone(verifying(0)), equalTo(verifying(0)));
    byte[] signature = SerializableUtils.clone(signing(0)).sign(ascii("x"));
    assertThat(SerializableUtils.clone(verifying(0)).verifies(ascii("x"), signature), is(true));
    assertThat(signing(0).toString(), equalTo("a private key"));
  }

  @Test
  void aRingKnowsWhoSigned() {
    KeyRing ring = new KeyRing(List.of(verifying(0), verifying(1)), List.of(verifying(2)));
    byte[] message = ascii("m");
    for (int pair = 0; pair < 3; pair++) {
      assertThat(
          ring.signer(message, signing(pair).sign(message)), equalTo(Optional.of(verifying(pair))));
    }
    assertThat(ring.signer(message, signing(3).sign(message)), equalTo(Optional.empty()));
  }

  // ---- PEM ----

  @Test
  void keysAreWrittenAsOpenSslWritesThem() throws Exception {
    assertThat(
        new String(KeyPem.of(signing(0)), StandardCharsets.US_ASCII),
        equalTo(
            "-----BEGIN PRIVATE KEY-----\n"
                + "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                + "-----END PRIVATE KEY-----\n"));
    assertThat(
        new String(KeyPem.of(verifying(0)), StandardCharsets.US_ASCII),
        equalTo(
            "-----BEGIN PUBLIC KEY-----\n"
                + "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                + "-----END PUBLIC KEY-----\n"));
    assertThat(KeyPem.publicKey(KeyPem.of(verifying(1))), equalTo(verifying(1)));
    assertThat(KeyPem.privateKey(KeyPem.of(signing(1))).isOf(verifying(1)), is(true));
  }

  @Test
  void severalPublicKeysMayShareAFile() throws Exception {
    String two =
        "# until June\r\n"
            + new String(KeyPem.of(verifying(0)), StandardCharsets.US_ASCII).replace("\n", "\r\n")
            + "\n"
            + new String(KeyPem.of(verifying(1)), StandardCharsets.US_ASCII);
    assertThat(KeyPem.publicKeys(ascii(two)), equalTo(List.of(verifying(0), verifying(1))));
    assertThat(
        assertThrows(BadKeyException.class, () -> KeyPem.publicKey(ascii(two))).getMessage(),
        containsString("found 2 keys, expected one"));
  }

  private static String publicRefusal(String pem) {
    return assertThrows(BadKeyException.class, () -> KeyPem.publicKeys(ascii(pem))).getMessage();
  }

  private static String privateRefusal(String pem) {
    return assertThrows(BadKeyException.class, () -> KeyPem.privateKey(ascii(pem))).getMessage();
  }

  @Test
  void whatIsNoKeyIsRefusedWithAReason() {
    String pub = new String(KeyPem.of(verifying(0)), StandardCharsets.US_ASCII);
    String priv = new String(KeyPem.of(signing(0)), StandardCharsets.US_ASCII);
    assertThat(publicRefusal(""), containsString("found no key"));
    assertThat(publicRefusal(priv), containsString("private key is its owner's alone"));
    assertThat(privateRefusal(pub), containsString("expected '-----BEGIN PRIVATE KEY-----'"));
    assertThat(privateRefusal(priv + priv), containsString("found 2 keys"));
    assertThat(privateRefusal(priv.replace("PRIV", "ENCRYPTED PRIV")), containsString("decrypts"));
    assertThat(
        publicRefusal(pub.replace("PUBLIC", "RSA PUBLIC")), containsString("RSA PUBLIC KEY"));
    assertThat(publicRefusal("hello"), containsString("line 1 is no PEM"));
    assertThat(publicRefusal("\0\0"), containsString("line 1 is no PEM"));
    assertThat(publicRefusal(pub + "x"), containsString("line 4 is no PEM"));
    assertThat(publicRefusal(pub.substring(0, 60)), containsString("ends inside a key"));
    assertThat(publicRefusal(pub.replace("MCow", "MC*w")), containsString("line 2 is no PEM"));
    assertThat(publicRefusal(pub.replace("MCow", "")), containsString("something else"));
    assertThat(publicRefusal("#".repeat(KeyPem.MAX_BYTES + 1)), containsString("at most 16384"));
    assertThat(publicRefusal(pub.replace("END PUBLIC", "END PRIVATE")), containsString("line 3"));
  }
}
