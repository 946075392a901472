// See haproxy/syslog_message.h. Reading follows HAProxy where senders do not follow the RFCs.
#include "haproxy/syslog_message.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <iterator>

namespace weir::haproxy {
namespace {

constexpr Str kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr size_t kBsdTime = 15;  // "Jan  1 00:00:00"
constexpr size_t kIsoDate = 19;  // "1970-01-01T00:00:00"

int month_of(Str text) {
  auto* at = std::find(std::begin(kMonths), std::end(kMonths), text.substr(0, 3));
  return at == std::end(kMonths) ? -1 : static_cast<int>(at - kMonths);
}

// The word in front of the next blank, which goes with it. False: there is none, or it is empty.
bool take_word(Str& rest, Str& word) {
  size_t blank = rest.find(' ');
  if (blank == Str::npos || blank == 0) return false;
  word = rest.substr(0, blank);
  rest.remove_prefix(blank + 1);
  return true;
}

// The same with "-" for nothing.
bool take_field(Str& rest, Str& field) {
  if (!take_word(rest, field)) return false;
  if (field == "-") field = {};
  return true;
}

bool is_iso_time(Str t) {
  if (t.size() < kIsoDate + 1) return false;
  constexpr Str kShape = "dddd-dd-ddTdd:dd:dd";
  for (size_t i = 0; i < kIsoDate; i++)
    if (kShape[i] == 'd' ? !is_digit(t[i]) : t[i] != kShape[i]) return false;
  Str rest = t.substr(kIsoDate);
  if (rest[0] == '.') {
    size_t end = rest.find_first_not_of("0123456789", 1);
    if (end == Str::npos) return false;
    rest.remove_prefix(end);
  }
  return rest == "Z" || (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-'));
}

// "[a b="c\]"][d]", up to the blank behind it.
bool take_structured(Str& rest, Str& out) {
  if (rest.starts_with("- ")) {
    rest.remove_prefix(2);
    return true;
  }
  bool inside = false;
  for (size_t i = 0; i < rest.size(); i++) {
    char c = rest[i];
    if (inside) {
      if (c == ']' && rest[i - 1] != '\\') inside = false;
    } else if (c == '[') {
      inside = true;
    } else if (c == ' ' && i > 0) {
      out = rest.substr(0, i);
      rest.remove_prefix(i + 1);
      return true;
    } else {
      return false;
    }
  }
  return false;
}

bool parse_5424(Str rest, SyslogMessage& m) {
  if (!take_word(rest, m.time) || (m.time != "-" && !is_iso_time(m.time))) return false;
  m.iso_time = true;
  if (!take_field(rest, m.host) || !take_field(rest, m.tag) || !take_field(rest, m.pid) || !take_field(rest, m.id) ||
      !take_structured(rest, m.structured))
    return false;
  m.text = rest;
  return true;
}

// "tag[pid]: " or "tag: "; a message may have neither.
void take_tag(SyslogMessage& m) {
  size_t end = m.text.find_first_of(" :");
  if (end == Str::npos || end == 0 || m.text[end] != ':' || m.text.substr(end, 2) != ": ") return;
  Str tag = m.text.substr(0, end);
  if (size_t open = tag.find('['); open != Str::npos) {
    if (!tag.ends_with(']') || open == 0) return;
    m.pid = tag.substr(open + 1, tag.size() - open - 2);
    tag = tag.substr(0, open);
  }
  m.tag = tag;
  m.text.remove_prefix(end + 2);
}

bool parse_3164(Str rest, SyslogMessage& m) {
  if (rest.size() <= kBsdTime || month_of(rest) < 0 || rest[kBsdTime] != ' ') return false;
  m.time = rest.substr(0, kBsdTime);
  rest.remove_prefix(kBsdTime + 1);
  if (!take_word(rest, m.host)) return false;
  m.text = rest;
  take_tag(m);
  return true;
}

tm local_now() {
  time_t now = time(nullptr);
  tm out{};
  localtime_r(&now, &out);
  return out;
}

void append_bsd_time(std::string& out, const SyslogMessage& m) {
  auto put = std::back_inserter(out);
  int month = m.iso_time && m.time.size() > kIsoDate ? (m.time[5] - '0') * 10 + (m.time[6] - '0') : 0;
  if (!m.time.empty() && !m.iso_time) {
    out.append(m.time);
  } else if (month >= 1 && month <= 12) {
    fmt::format_to(put, "{} {}{} {}", kMonths[month - 1], m.time[8] == '0' ? ' ' : m.time[8], m.time[9],
                   m.time.substr(11, 8));
  } else {
    tm t = local_now();
    fmt::format_to(put, "{} {:2d} {:02d}:{:02d}:{:02d}", kMonths[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
  }
  out += ' ';
}

// A time without a zone gets "-00:00": nobody knows which (RFC 3339 4.3).
void append_iso_time(std::string& out, const SyslogMessage& m) {
  auto put = std::back_inserter(out);
  tm t = local_now();
  if (m.iso_time && m.time != "-") {
    out.append(m.time);
  } else if (!m.time.empty() && !m.iso_time) {
    int month = month_of(m.time), year = t.tm_year + 1900 - (t.tm_mon < month);
    fmt::format_to(put, "{:04d}-{:02d}-{}{}T{}-00:00", year, month + 1, m.time[4] == ' ' ? '0' : m.time[4], m.time[5],
                   m.time.substr(7, 8));
  } else {
    long offset = t.tm_gmtoff / 60, minutes = offset < 0 ? -offset : offset;
    fmt::format_to(put, "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}{}{:02d}:{:02d}", t.tm_year + 1900, t.tm_mon + 1,
                   t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
  out += ' ';
}

SyslogFormat own_format(const SyslogMessage& m) {
  if (!m.host.empty()) return m.iso_time ? SyslogFormat::rfc5424 : SyslogFormat::rfc3164;
  if (!m.tag.empty()) return SyslogFormat::local;
  return m.facility >= 0 ? SyslogFormat::priority : SyslogFormat::raw;
}

Str or_dash(Str s) {
  return s.empty() ? Str("-") : s;
}

}  // namespace

SyslogMessage parse_syslog(Str bytes) {
  SyslogMessage m;
  m.text = bytes;
  size_t end = bytes.find('>');
  if (!bytes.starts_with('<') || end == Str::npos || end < 2 || end > 4) return m;
  auto priority = parse_u64(bytes.substr(1, end - 1));
  if (!priority || *priority > 191) return m;
  m.facility = static_cast<int>(*priority >> 3);
  m.level = *priority & 7;
  m.text.remove_prefix(end + 1);
  SyslogMessage full = m;
  full.known = m.text.starts_with("1 ") ? parse_5424(m.text.substr(2), full) : parse_3164(m.text, full);
  return full.known ? full : m;
}

void append_syslog_header(std::string& out, const SyslogMessage& m, SyslogFormat format, uint8_t facility) {
  if (format == SyslogFormat::unspecified) format = own_format(m);
  auto put = std::back_inserter(out);
  unsigned from = m.facility >= 0 ? static_cast<unsigned>(m.facility) : facility;
  if (format == SyslogFormat::shortened || format == SyslogFormat::timed)
    fmt::format_to(put, "<{}>", m.level);
  else if (format != SyslogFormat::raw && format != SyslogFormat::iso)
    fmt::format_to(put, "<{}>", from * 8 + m.level);
  switch (format) {
    case SyslogFormat::timed:
    case SyslogFormat::iso: append_iso_time(out, m); return;
    case SyslogFormat::rfc5424:
      out.append("1 ");
      if (m.time == "-")
        out.append("- ");
      else
        append_iso_time(out, m);
      fmt::format_to(put, "{} {} {} {} {} ", or_dash(m.host), or_dash(m.tag), or_dash(m.pid), or_dash(m.id),
                     or_dash(m.structured));
      return;
    case SyslogFormat::rfc3164:
    case SyslogFormat::local:
      append_bsd_time(out, m);
      if (format == SyslogFormat::rfc3164) fmt::format_to(put, "{} ", m.host.empty() ? Str("localhost") : m.host);
      if (m.tag.empty()) return;
      out.append(m.tag);
      if (!m.pid.empty()) fmt::format_to(put, "[{}]", m.pid);
      out.append(": ");
      return;
    default: return;
  }
}

}  // namespace weir::haproxy
