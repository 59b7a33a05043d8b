package dev.sluice.schemas.npy;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.npy.NpyHeader.ElementType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NpyHeaderTest {

  @ParameterizedTest
  @CsvSource({
    "f2-le-v1,1,FLOAT16", "f2-be-v1,1,FLOAT16", "f2-le-v2,2,FLOAT16", "f2-be-v2,2,FLOAT16",
    "f4-le-v1,1,FLOAT32", "f4-be-v1,1,FLOAT32", "f4-le-v2,2,FLOAT32", "f4-be-v2,2,FLOAT32",
    "f4-le-v3,3,FLOAT32", "f4-be-v3,3,FLOAT32", "f8-le-v1,1,FLOAT64", "f8-be-v1,1,FLOAT64",
    "f8-le-v2,2,FLOAT64", "f8-be-v2,2,FLOAT64"
  })
  void readsWhatNumpyWrites(String file, int version, ElementType type) throws IOException {
    byte[] bytes = resource(file + ".npy");

    NpyHeader header = read(bytes);

    ByteOrder order = file.contains("-be-") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    assertThat(header, equalTo(new NpyHeader(version, type, order, 3, 5, 128)));
    assertThat(header.fileBytes(), is((long) bytes.length));
    header.checkFileBytes(bytes.length, "x");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '\t',
      quoteCharacter = '`',
      value = {
        "bad-fortran|Fortran order, expected C order",
        "bad-int64|dtype '<i8', expected '<f2', '<f4', '<f8', '>f2', '>f4' or '>f8'",
        "bad-bool|dtype '|b1', expected",
        "bad-complex|dtype '<c8', expected",
        "bad-unicode|dtype '<U1', expected",
        "bad-object|dtype '|O', expected",
        "bad-struct|(structured), expected",
        "bad-0d|shape () has 0 dimensions, expected 2",
        "bad-1d|shape (5,) has 1 dimensions, expected 2: (rows, columns)",
        "bad-3d|shape (1, 3, 5) has 3 dimensions, expected 2",
        "bad-empty|shape (0, 5) is empty",
      })
  void refusesNumpyFilesOfAnotherKind(String line) throws IOException {
    int bar = line.indexOf('|');
    byte[] bytes = resource(line.substring(0, bar) + ".npy");

    assertThat(
        refusal(bytes), allOf(startsWith("site.npy: "), containsString(line.substring(bar + 1))));
  }

  @Test
  void refusesWhatIsNotNpy() {
    assertThat(
        refusal(new byte[0]), containsString("not an npy file: starts with nothing (0 bytes)"));
    assertThat(
        refusal("PK\3\4 zip file".getBytes(StandardCharsets.US_ASCII)),
        containsString("starts with 50 4b 03 04 20 7a, expected 93 4e 55 4d 50 59"));
    assertThat(
        refusal(new byte[] {(byte) 0x93, 'N', 'U'}),
        containsString("starts with 93 4e 55, expected"));
  }

  @Test
  void refusesEveryTruncationOfAHeader() throws IOException {
    byte[] whole = resource("f4-le-v2.npy");
    for (int length = 0; length < 128; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThat(
          refusal(cut),
          containsString(
              length < 6 ? "not an npy file" : "truncated header: " + length + " bytes"));
    }
  }

  @Test
  void refusesOtherVersions() {
    assertThat(refusal(file(4, 0, GOOD)), containsString("version 4.0, expected 1.0, 2.0 or 3.0"));
    assertThat(refusal(file(0, 0, GOOD)), containsString("version 0.0"));
    assertThat(refusal(file(1, 1, GOOD)), containsString("version 1.1"));
  }

  @Test
  void refusesALongHeaderBeforeReadingIt() {
    // The length field alone: had the text been read, the error would be that it is truncated.
    for (int length : new int[] {(1 << 16) + 1, Integer.MAX_VALUE, -1}) {
      ByteBuffer bytes = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
      bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0}).putInt(length);
      assertThat(
          refusal(bytes.array()),
          containsString(
              "header of " + Integer.toUnsignedLong(length) + " bytes, expected at most 65536"));
    }
  }

  @Test
  void acceptsTheLongestHeader() throws IOException {
    String padded = GOOD + " ".repeat((1 << 16) - GOOD.length());
    assertThat(read(file(2, 0, padded)).dataOffsetBytes(), is(12L + (1 << 16)));
  }

  @Test
  void versionThreeIsUtf8AndTheOthersAreLatin1() {
    String text = "{'descr': '\u20ac', 'fortran_order': False, 'shape': (2, 3)}";
    assertThat(refusal(file(3, 0, text, StandardCharsets.UTF_8)), containsString("dtype '\u20ac'"));
    assertThat(
        refusal(file(2, 0, text, StandardCharsets.UTF_8)),
        containsString("dtype '\u00e2\u0082\u00ac'"));
    assertThat(
        refusal(file(3, 0, "{'descr': '\u00ff'}", StandardCharsets.ISO_8859_1)),
        containsString("header text is not UTF-8"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2, 3)}",
        "{'shape': (2, 3,), 'fortran_order': False, 'descr': '<f4'}",
        "{'shape':(2L,3L),'fortran_order':False,'descr':'<f4'}",
        "  {  'shape' : ( 2 , 3 ) , 'fortran_order' : (False) , 'descr' : '<f4' , }  "
      })
  void readsTheSameDictHoweverItIsSpelt(String text) throws IOException {
    assertThat(
        read(file(1, 0, text)),
        equalTo(
            new NpyHeader(
                1, ElementType.FLOAT32, ByteOrder.LITTLE_ENDIAN, 2, 3, 10 + text.length())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{'descr': '<f4', 'fortran_order': False}# header has no 'shape': it has [descr, fortran_order]",
        "{'fortran_order': False, 'shape': (2, 3)}# header has no 'descr'",
        "{'descr': '<f4', 'shape': (2, 3)}# header has no 'fortran_order'",
        "{}# header has no 'descr'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}# expected [descr, fortran_order, shape]",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}# expected 'descr' only once",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}# dtype [('a', '<f4')] (structured)",
        "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (2, 3)}# dtype ('<f4', (2,)), expected",
        "{'descr': {'a': 'shape'}, 'fortran_order': False, 'shape': (2, 3)}# dtype {a=shape}, expected",
        "{'descr': None, 'fortran_order': False, 'shape': (2, 3)}# dtype None, expected",
        "{'descr': 'f4', 'fortran_order': False, 'shape': (2, 3)}# dtype 'f4', expected",
        "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3)}# dtype '=f4', expected",
        "{'descr': '<f16', 'fortran_order': False, 'shape': (2, 3)}# dtype '<f16', expected",
        "{'descr': '<f4 ', 'fortran_order': False, 'shape': (2, 3)}# dtype '<f4 ', expected",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}# Fortran order",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}# fortran_order is 0, expected False",
        "{'descr': '<f4', 'fortran_order': 'False', 'shape': (2, 3)}# fortran_order is 'False', expected False",
        "{'descr': '<f4', 'fortran_order': false, 'shape': (2, 3)}# found «false, 'shape': (2, », expected True, False or None",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}# shape is [2, 3], expected (rows, columns)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6)}# shape is 6, expected (rows, columns)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, '3')}# shape is (2, '3'), expected",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, True)}# shape is (2, True), expected",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}# shape (-2, 3) is negative",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0)}# shape (2, 0) is empty",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3.0)}# expected an integer",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3e1)}# expected an integer",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0x3)}# expected an integer",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -)}# expected a digit",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3000000000)}# more than 2147483647 columns",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693951, 1)}# needs more than 2^63 - 1 bytes",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}# needs more than 2^63 - 1 bytes",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808, 1)}# an integer below 2^63",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)# expected ',' or '}'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3# expected ',' or ')'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x# expected nothing after the dict",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}# expected ',' or ')'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}# expected a value",
        "{'descr': '<f4' 'fortran_order': False}# expected ',' or '}'",
        "{'descr': '<f4, 'fortran_order': False}# expected ',' or '}'",
        "{'descr': '<f4# expected a closing '",
        "{'descr': '<\\x664'}# expected a string without escapes",
        "{'descr' '<f4'}# expected ':' after 'descr'",
        "{descr: '<f4'}# expected a quoted key or '}'",
        "{1: '<f4'}# expected a quoted key or '}'",
        "{'descr': __import__('os')}# expected True, False or None",
        "{'descr': <f4}# expected a value",
        "dict(descr='<f4')# expected '{'",
        "['descr', '<f4']# expected '{'",
        "``# found its end, expected '{'",
      })
  void saysWhatIsWrongWithAMalformedDict(String text, String problem) {
    assertThat(refusal(file(1, 0, text)), allOf(startsWith("site.npy: "), containsString(problem)));
  }

  @Test
  void deepNestingDoesNotExhaustTheStack() {
    assertThat(
        refusal(file(2, 0, "{'descr': " + "(".repeat(60_000))),
        containsString("at most 16 levels of nesting"));
    assertThat(
        refusal(file(2, 0, "{'descr': " + "{'a': ".repeat(10_000))),
        containsString("at most 16 levels of nesting"));
  }

  /** A changed character gives a header or an NpyException, nothing else. */
  @Property(tries = 2000)
  void anyChangedCharacterIsReadOrRefused(@ForAll int where, @ForAll byte what) throws IOException {
    byte[] bytes = file(1, 0, GOOD);
    bytes[10 + Math.floorMod(where, GOOD.length())] = what;
    try {
      assertThat(read(bytes).columns() > 0, is(true));
    } catch (NpyException e) {
      assertThat(e.getMessage(), startsWith("site.npy: "));
    }
  }

  @Test
  void sizeErrorsSayWhereTheNumbersComeFrom() {
    NpyHeader header = new NpyHeader(1, ElementType.FLOAT32, ByteOrder.LITTLE_ENDIAN, 3, 5, 128);
    assertThat(
        assertThrows(NpyException.class, () -> header.checkFileBytes(187, "a.npy")).getMessage(),
        equalTo(
            "a.npy: truncated in row 2 of 3: 187 bytes, expected 188 = 128 of header + 3 rows * 5 columns * 4 bytes"));
    assertThat(
        assertThrows(NpyException.class, () -> header.checkFileBytes(147, "a.npy")).getMessage(),
        containsString("truncated in row 0 of 3"));
    assertThat(
        assertThrows(NpyException.class, () -> header.checkFileBytes(189, "a.npy")).getMessage(),
        equalTo(
            "a.npy: too long: 189 bytes, expected 188 = 128 of header + 3 rows * 5 columns * 4 bytes"));
  }

  private static final String GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

  static byte[] file(int major, int minor, String text) {
    return file(major, minor, text, StandardCharsets.ISO_8859_1);
  }

  private static byte[] file(int major, int minor, String text, Charset charset) {
    byte[] encoded = text.getBytes(charset);
    ByteBuffer bytes = ByteBuffer.allocate(12 + encoded.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) major, (byte) minor});
    if (major == 1) {
      bytes.putShort((short) encoded.length);
    } else {
      bytes.putInt(encoded.length);
    }
    bytes.put(encoded);
    return Arrays.copyOf(bytes.array(), bytes.position());
  }

  static byte[] resource(String file) throws IOException {
    try (InputStream in = NpyHeaderTest.class.getResourceAsStream("/npy/" + file)) {
      return in.readAllBytes();
    }
  }

  private static NpyHeader read(byte[] bytes) throws IOException {
    return NpyHeader.read(Channels.newChannel(new ByteArrayInputStream(bytes)), "site.npy");
  }

  private static String refusal(byte[] bytes) {
    return assertThrows(NpyException.class, () -> read(bytes)).getMessage();
  }
}
