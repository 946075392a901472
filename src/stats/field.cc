// See stats/field.h.
#include "stats/field.h"

#include <fmt/format.h>

namespace weir::stats {
namespace {

// Six digits without the zeroes at the end, as HAProxy prints floats.
std::string real_text(double n) {
  std::string s = fmt::format("{:f}", n);
  s.erase(s.find_last_not_of('0') + 1);
  if (s.ends_with('.')) s.pop_back();
  return s;
}

std::string number_text(const Field& f) {
  switch (f.type) {
    case Field::Type::u64: return fmt::format("{}", static_cast<uint64_t>(f.number));
    case Field::Type::real: return real_text(f.real);
    default: return fmt::format("{}", f.number);
  }
}

Str type_name(Field::Type type) {
  switch (type) {
    case Field::Type::s32: return "s32";
    case Field::Type::u32: return "u32";
    case Field::Type::u64: return "u64";
    case Field::Type::real: return "flt";
    case Field::Type::text: return "str";
    case Field::Type::empty: break;
  }
  return "";
}

void append_quoted(std::string& out, Str s) {
  out += '"';
  for (char c : s) {
    if (c == '\r') continue;
    if (c == '"') out += '"';
    out += c == '\n' ? ' ' : c;
  }
  out += '"';
}

void append_json_text(std::string& out, Str s) {
  out += '"';
  for (char c : s) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  out += '"';
}

Str origin_name(Origin o) {
  switch (o) {
    case Origin::metric: return "Metric";
    case Origin::status: return "Status";
    case Origin::key: return "Key";
    case Origin::config: return "Config";
    case Origin::product: return "Product";
  }
  return "Unknown";
}

Str nature_name(Nature n) {
  switch (n) {
    case Nature::gauge: return "Gauge";
    case Nature::limit: return "Limit";
    case Nature::max: return "Max";
    case Nature::rate: return "Rate";
    case Nature::counter: return "Counter";
    case Nature::duration: return "Duration";
    case Nature::age: return "Age";
    case Nature::name: return "Name";
    case Nature::output: return "Output";
    case Nature::average: return "Avg";
  }
  return "Unknown";
}

}  // namespace

void append_csv(std::string& out, const Field& f) {
  if (f.type == Field::Type::empty) return;
  if (f.type != Field::Type::text)
    out += number_text(f);
  else if (f.text.find_first_of("\n\r,\"") == std::string::npos)
    out += f.text;
  else
    append_quoted(out, f.text);
}

void append_typed(std::string& out, const Field& f, bool shared) {
  out += static_cast<char>(f.tags.origin);
  out += static_cast<char>(f.tags.nature);
  out += static_cast<char>(f.tags.reach);
  out += shared ? "P:" : "V:";
  if (f.empty()) return;
  out += type_name(f.type);
  out += ':';
  out += f.type == Field::Type::text ? f.text : number_text(f);
}

void append_json(std::string& out, const Field& f) {
  out += fmt::format(R"("tags":{{"origin":"{}","nature":"{}","scope":"{}"}},"value":{{"type":"{}","value":)",
                     origin_name(f.tags.origin), nature_name(f.tags.nature),
                     f.tags.reach == Reach::service ? "Service" : "Process", type_name(f.type));
  if (f.type == Field::Type::text)
    append_json_text(out, f.text);
  else
    out += number_text(f);
  out += '}';
}

}  // namespace weir::stats
