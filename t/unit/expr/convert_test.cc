// Converters, one test for each group, through the parser of samples.
#include <criterion/criterion.h>

#include <fstream>

#include "world.h"

using weir::test::World;

Test(convert, arithmetic_stops_at_the_limits) {
  World w;
  expect_value(w, "int(5),add(3)", "8");
  expect_value(w, "int(5),sub(7)", "-2");
  expect_value(w, "int(-6),mul(7)", "-42");
  expect_value(w, "int(7),div(2)", "3");
  expect_value(w, "int(7),div(0)", "9223372036854775807");
  expect_value(w, "int(7),mod(0)", "0");
  expect_value(w, "int(-7),mod(3)", "-1");
  expect_value(w, "int(9223372036854775807),add(1)", "9223372036854775807");
  expect_value(w, "int(-9223372036854775808),sub(1)", "-9223372036854775808");
  expect_value(w, "int(9223372036854775807),mul(-2)", "-9223372036854775808");
  expect_value(w, "int(12),and(10)", "8");
  expect_value(w, "int(12),or(3)", "15");
  expect_value(w, "int(12),xor(10)", "6");
  expect_value(w, "int(0),cpl", "-1");
  expect_value(w, "int(5),neg", "-5");
  expect_value(w, "int(5),bool", "1");
  expect_value(w, "int(5),not", "0");
  expect_value(w, "int(5),odd", "1");
  expect_value(w, "int(5),even", "0");
  expect_value(w, "int(258),htonl", "0x00000102");
}

Test(convert, operands_may_be_variables) {
  World w;
  expect_value(w, "int(4),set-var(txn.four)", "4");
  expect_value(w, "int(3),mul(txn.four)", "12");
  expect_value(w, "int(3),mul(txn.not_there)", "(none)");
}

Test(convert, text_pieces) {
  World w;
  expect_value(w, "str(f1_f2_f3__f5),field(4,_)", "");
  expect_value(w, "str(f1_f2_f3__f5),field(5,_)", "f5");
  expect_value(w, "str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5");
  expect_value(w, "str(f1_f2_f3__f5),field(2,_,2)", "f2_f3");
  expect_value(w, "str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_");
  expect_value(w, "str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3");
  expect_value(w, "str(f1_f2_f3__f5),field(9,_)", "(none)");
  expect_value(w, "str(f1_f2_f3__f5),word(4,_)", "f5");
  expect_value(w, "str(f1_f2_f3__f5),word(2,_,0)", "f2_f3__f5");
  expect_value(w, "str(f1_f2_f3__f5),word(3,_,2)", "f3__f5");
  expect_value(w, "str(f1_f2_f3__f5),word(-2,_,3)", "f1_f2_f3");
  expect_value(w, "str(f1_f2_f3__f5),word(-3,_,0)", "f1_f2");
  expect_value(w, "str(/f1/f2/f3/f4),word(1,/)", "f1");
  expect_value(w, "str(hello),bytes(1,3)", "0x656C6C");
  expect_value(w, "str(hello),bytes(9)", "0x");
  expect_value(w, "str(a=1&b=2&c),param(b)", "2");
  expect_value(w, "str(a=1&b=2&c),param(c)", "");
  expect_value(w, "str(a=1&b=2&c),param(d)", "(none)");
  expect_value(w, "str(a=1;b=2),param(b,;)", "2");
}

Test(convert, text_changes) {
  World w;
  expect_value(w, "str(MiXed),lower", "mixed");
  expect_value(w, "str(MiXed),upper", "MIXED");
  expect_value(w, "str(abc),reverse", "cba");
  expect_value(w, "str(www.example.com.),reverse_dom", "com.example.www");
  expect_value(w, "str(a..b),reverse_dom", "(none)");
  expect_value(w, "str(abc),length", "3");
  expect_value(w, "str('  x  '),ltrim(' '),rtrim(' ')", "x");
  expect_value(w, "str(one\\r\\ntwo),cut_crlf", "one");
  expect_value(w, "str(Example.COM:8080),host_only", "example.com");
  expect_value(w, "str([::1]:443),host_only", "[::1]");
  expect_value(w, "str([::1]),host_only", "[::1]");
  expect_value(w, "str(Example.COM:8080),port_only", "8080");
  expect_value(w, "str(example.com),port_only", "0");
  expect_value(w, "bool(true),iif(yes,no)", "yes");
  expect_value(w, "bool(0),iif(yes,no)", "no");
  expect_value(w, "str(a\\tb),has_ctl", "0");
  expect_value(w, "str(a\\tb),has_ctl(any)", "1");
}

Test(convert, joining_and_comparing_with_variables) {
  World w;
  expect_value(w, "str(v),set-var(txn.v)", "v");
  expect_value(w, "str(x),concat(<,txn.v,>)", "x<v>");
  expect_value(w, "str(x),concat(-)", "x-");
  expect_value(w, "str(x),add_item(' ',txn.v)", "x v");
  expect_value(w, "str(),add_item(' ',txn.v,!)", "v!");
  expect_value(w, "str(x),add_item(' ',txn.none)", "x");
  expect_value(w, "str(v),strcmp(txn.v)", "0");
  expect_value(w, "str(v),secure_memcmp(txn.v)", "1");
  expect_value(w, "str(w),secure_memcmp(txn.v)", "0");
}

Test(convert, regular_expressions) {
  World w;
  expect_value(w, "str(a-b-c),regsub(-,+,g)", "a+b+c");
  expect_value(w, "str(a-b-c),regsub(-,+)", "a+b-c");
  expect_value(w, "str(Abc),regsub(a,x,i)", "xbc");
  expect_value(w, "str(/foo/bar),regsub('^/([^/]*)/(.*)','\\2.\\1')", "bar.foo");
  expect_value(w, "str(abc),regsub(x*,-,g)", "-a-b-c-");
  expect_value(w, "str(abc),regsub(z,y,q)",
               "[invalid args in converter 'regsub': invalid regex flag 'q', only 'i' and 'g' are supported]");
}

Test(convert, languages) {
  World w;
  w.request("GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: da, en-gb;q=0.8, en;q=0.7\r\n\r\n");
  expect_value(w, "req.fhdr(accept-language),language(es;fr;en)", "en");
  expect_value(w, "req.fhdr(accept-language),language(en;da)", "da");
  expect_value(w, "req.fhdr(accept-language),language(es;fr)", "(none)");
  expect_value(w, "req.fhdr(accept-language),language(es;fr,de)", "de");
}

Test(convert, encodings) {
  World w;
  expect_value(w, "str(hello?>),base64", "aGVsbG8/Pg==");
  expect_value(w, "str(hello?>),ub64enc", "aGVsbG8_Pg");
  expect_value(w, "str(aGVsbG8/Pg==),b64dec", "0x68656C6C6F3F3E");
  expect_value(w, "str(aGVsbG8_Pg),ub64dec", "0x68656C6C6F3F3E");
  expect_value(w, "str(aGVsbG8),b64dec", "(none)");
  expect_value(w, "str(a!!=),b64dec", "(none)");
  expect_value(w, "bin(00ff),hex", "00FF");
  expect_value(w, "str(fF),hex2i", "255");
  expect_value(w, "str(xy),hex2i", "(none)");
  expect_value(w, "bin(a5),base2", "10100101");
  expect_value(w, "bin(01020304),be2dec(:,2)", "258:772");
  expect_value(w, "bin(01020304),le2dec(:,2)", "513:1027");
  expect_value(w, "bin(010203),be2dec(:,2,1)", "258");
  expect_value(w, "bin(01020304),be2hex(.,1)", "01.02.03.04");
  expect_value(w, "str(a b/%7E),url_enc(query)", "a%20b%2F%257E");
  expect_value(w, "str(a%20b+c),url_dec", "a b+c");
  expect_value(w, "str(a%20b+c),url_dec(1)", "a b c");
  expect_value(w, "str(a?b+c),url_dec", "a?b c");
  expect_value(w, "str(a%zz),url_dec", "(none)");
  expect_value(w, "str(a\\\"b),json(utf8)", "a\\\"b");
  expect_value(w, "bin(c3a9),json(utf8)", "\\u00e9");
  expect_value(w, "bin(c3a9),json(ascii)", "\\u00c3\\u00a9");
  expect_value(w, "bin(ff61),json(utf8)", "(none)");
  expect_value(w, "bin(ff61),json(utf8s)", "a");
}

// Reference values from the algorithms' own publications and from openssl(1).
Test(convert, digests) {
  World w;
  expect_value(w, "str(123456789),crc32", "3421780262");
  expect_value(w, "str(123456789),crc32c", "3808858755");
  expect_value(w, "str(),xxh64", "-1205034819632174695");
  expect_value(w, "str(),xxh32", "46947589");
  expect_value(w, "str(),xxh3", "3244421341483603138");
  expect_value(w, "str(a),djb2", "177670");
  expect_value(w, "str(a),sdbm", "97");
  expect_value(w, "str(abc),sha1,hex", "A9993E364706816ABA3E25717850C26C9CD0D89D");
  expect_value(w, "str(abc),sha2(256),hex", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  expect_value(w, "str(abc),digest(md5),hex", "900150983CD24FB0D6963F7D28E17F72");
  expect_value(w, "str('what do ya want for nothing?'),hmac(md5,SmVmZQ==),hex", "750C783E6AB0B503EAA86E310A5DB738");
  expect_value(w, "str(SmVmZQ==),set-var(txn.key)", "SmVmZQ==");
  expect_value(w, "str('what do ya want for nothing?'),hmac(md5,txn.key),hex", "750C783E6AB0B503EAA86E310A5DB738");
}

Test(convert, times) {
  World w;
  expect_value(w, "int(784111777),http_date", "Sun, 06 Nov 1994 08:49:37 GMT");
  expect_value(w, "int(784111777123),http_date(0,ms)", "Sun, 06 Nov 1994 08:49:37.123 GMT");
  expect_value(w, "str('Sun, 06 Nov 1994 08:49:37 GMT'),date", "784111777");
  expect_value(w, "str('Sunday, 06-Nov-94 08:49:37 GMT'),date", "784111777");
  expect_value(w, "str('Sun Nov  6 08:49:37 1994'),date", "784111777");
  expect_value(w, "str(yesterday),date", "(none)");
  expect_value(w, "int(784111777),utime(%Y-%m-%d,86400)", "1994-11-07");
  expect_value(w, "int(784111777123),ms_utime(%H:%M:%S.%3N)", "08:49:37.123");
  expect_value(w, "int(784111777123456),us_utime(%S.%N)", "37.123456000");
}

Test(convert, json_paths) {
  World w;
  w.txn.request.method_text = "GET";
  expect_value(w, "str('{\"a\":{\"b\":[1,\"x\\u00e9\",true]}}'),json_query('$.a.b[1]')", "x\xc3\xa9");
  expect_value(w, "str('{\"a\":{\"b\":[1,2,true]}}'),json_query('$.a.b[2]')", "1");
  expect_value(w, "str('{\"a\":{\"b\":[1,2,true]}}'),json_query('$.a.b')", "[1,2,true]");
  expect_value(w, "str('{\"a\":4}'),json_query('$.a','int'),add(1)", "5");
  expect_value(w, "str('{\"a\":4.25}'),json_query('$.a')", "4.25");
  expect_value(w, "str('{\"my.key\":\"v\"}'),json_query('$.my\\.key')", "v");
  expect_value(w, "str('{\"a\":null}'),json_query('$.a')", "(none)");
  expect_value(w, "str('{\"a\":'),json_query('$.a')", "(none)");
  expect_value(w, "str(eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtZSJ9.x),jwt_payload_query('$.iss')", "me");
  expect_value(w, "str(eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtZSJ9.x),jwt_header_query('$.alg')", "HS256");
}

Test(convert, masks) {
  World w;
  expect_value(w, "ipv4(10.1.2.3),ipmask(16)", "10.1.0.0");
  expect_value(w, "ipv4(10.1.2.3),ipmask(255.255.255.0)", "10.1.2.0");
  expect_value(w, "ipv6(2001:db8:1:2::3),ipmask(24,32)", "2001:db8::");
  expect_value(w, "ipv6(2001:db8::1),ipmask(24)", "(none)");
}

Test(convert, maps) {
  World w;
  char name[] = "/tmp/weir-map-XXXXXX";
  close(mkstemp(name));
  std::ofstream(name)
      << "# comment\n\nexample.com one value\n10.0.0.0/8 net8\n10.1.0.0/16 net16\n5:9 range\n/api/ api\n/api/v1 v1\n"
      << "^x(.)y$ [\\1]\n";
  std::string f = name;
  expect_value(w, ("str(example.com),map(" + f + ")").c_str(), "one value");
  expect_value(w, ("str(other),map(" + f + ")").c_str(), "(none)");
  expect_value(w, ("str(other),map(" + f + ",none)").c_str(), "none");
  expect_value(w, ("str(/api/v1/x),map_beg(" + f + ")").c_str(), "v1");
  expect_value(w, ("str(/api/v2),map_beg(" + f + ")").c_str(), "api");
  expect_value(w, ("str(www.example.com),map_end(" + f + ")").c_str(), "one value");
  expect_value(w, ("str(www.example.com),map_end_key(" + f + ")").c_str(), "example.com");
  expect_value(w, ("str(xay),map_regm(" + f + ")").c_str(), "[a]");
  expect_value(
      w, ("str(x),map_int_int(" + f + ",0)").c_str(),
      "[invalid args in converter 'map_int_int': 'example.com' is not a number at line 3 of file '" + f + "']");
  std::ofstream(f + ".ip") << "10.0.0.0/8 net8\n10.1.0.0/16 net16\n2001:db8::/32 v6\n";
  std::string ip = f + ".ip";
  expect_value(w, ("ipv4(10.1.2.3),map_ip(" + ip + ")").c_str(), "net16");
  expect_value(w, ("str(10.2.2.3),map_ip(" + ip + ")").c_str(), "net8");
  expect_value(w, ("ipv6(2001:db8::1),map_ip(" + ip + ")").c_str(), "v6");
  expect_value(w, ("ipv4(192.0.2.1),map_ip(" + ip + ",none)").c_str(), "none");
  std::ofstream(f + ".int") << "1:5 10\n6 20\n";
  std::string ints = f + ".int";
  expect_value(w, ("int(3),map_int_int(" + ints + ",0),add(1)").c_str(), "11");
  expect_value(w, ("int(9),map_int_int(" + ints + ",7)").c_str(), "7");
  expect_value(
      w, "str(x),map(/nowhere/at/all)",
      "[invalid args in converter 'map': failed to open pattern file </nowhere/at/all>: No such file or directory]");
  for (const char* end : {"", ".ip", ".int"}) unlink((f + end).c_str());
}

Test(convert, what_cannot_be_cast_is_told) {
  World w;
  expect_value(w, "bool(1),ipmask(8)", "[converter 'ipmask' cannot be applied: it takes address, and here is boolean]");
  expect_value(w, "str(a),frob", "[unknown converter 'frob']");
  cr_expect(w.remedy("str(a),lowr") == "did you mean 'lower'?", "%s", w.remedy("str(a),lowr").c_str());
}
