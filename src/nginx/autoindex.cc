// autoindex (ngx_http_autoindex_module): lists a directory that has no index file, as HTML, XML, JSON or JSONP.
#include <dirent.h>
#include <errno.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "expr/encode.h"
#include "nginx/charset.h"
#include "nginx/error_log.h"
#include "nginx/http_time.h"
#include "nginx/log_format.h"
#include "nginx/modules.h"
#include "nginx/paths.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Method;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

enum class Format : uint8_t { html, xml, json, jsonp };

struct AutoindexConf {
  Setting<bool> on;
  Setting<Format> format;
  Setting<bool> localtime;
  Setting<bool> exact_size;
};

constexpr size_t kNameWidth = 50;
constexpr size_t kLongestCallback = 128;

struct Entry {
  std::string name;
  bool dir = false;
  bool file = false;
  uint64_t size = 0;
  time_t mtime = 0;
};

void bind_format(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<AutoindexConf*>(scope.conf);
  constexpr std::pair<Str, Format> kFormats[] = {
      {"html", Format::html}, {"xml", Format::xml}, {"json", Format::json}, {"jsonp", Format::jsonp}};
  for (auto& [name, format] : kFormats)
    if (d.arg(0).text == name) {
      conf.format = format;
      return;
    }
  bad_value(scope, d, 0, "html, xml, json or jsonp");
}

// ---------------------------------------------------------------- escaping

void add_uri(std::string& out, Str s) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (char c : s) {
    bool plain = is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    auto b = static_cast<unsigned char>(c);
    out += {'%', kHex[b >> 4], kHex[b & 15]};
  }
}

// ---------------------------------------------------------------- reading

// 0, or errno.
int read_entries(Transaction& txn, const std::string& path, std::vector<Entry>& out) {
  DIR* dir = ::opendir(path.c_str());
  if (!dir) return errno;
  int problem = 0;
  errno = 0;
  while (dirent* e = ::readdir(dir)) {
    if (e->d_name[0] == '.') continue;
    std::string name = path + "/" + e->d_name;
    struct stat st;
    if (::stat(name.c_str(), &st) != 0) {
      if (errno == EACCES) continue;
      if ((errno != ENOENT && errno != ELOOP) || ::lstat(name.c_str(), &st) != 0) {
        log_error(&txn, LogLevel::crit, errno, fmt::format("stat() \"{}\" failed", name));
        problem = EIO;
        break;
      }
    }
    out.push_back(
        {e->d_name, S_ISDIR(st.st_mode), S_ISREG(st.st_mode), static_cast<uint64_t>(st.st_size), st.st_mtime});
  }
  ::closedir(dir);
  // Directories first, then by name.
  std::sort(out.begin(), out.end(),
            [](const Entry& a, const Entry& b) { return a.dir != b.dir ? a.dir : a.name < b.name; });
  return problem;
}

// ---------------------------------------------------------------- formats

std::string human_size(uint64_t size) {
  constexpr uint64_t kG = 1024 * 1024 * 1024, kM = 1024 * 1024;
  auto rounded = [&](uint64_t unit) { return size / unit + (size % unit > unit / 2 - 1 ? 1 : 0); };
  if (size > kG - 1) return fmt::format("{:6}G", rounded(kG));
  if (size > kM - 1) return fmt::format("{:6}M", rounded(kM));
  if (size > 9999) return fmt::format("{:6}K", rounded(1024));
  return fmt::format(" {:6}", size);
}

// The first `limit` characters of UTF-8 text; `length` gets how many it has. Text that is not UTF-8 counts by bytes.
Str cut_name(Str name, bool utf8, size_t limit, size_t& length) {
  length = name.size();
  if (!utf8) return name.substr(0, limit);
  size_t n = 0, cut = name.size();
  for (size_t i = 0; i < name.size(); i++) {
    if ((name[i] & 0xc0) == 0x80) continue;
    if (n == limit) cut = i;
    n++;
  }
  length = n;
  return name.substr(0, cut);
}

void add_html_entry(std::string& out, const Entry& e, const AutoindexConf& conf, bool utf8) {
  out += "<a href=\"";
  add_uri(out, e.name);
  if (e.dir) out += '/';
  out += "\">";
  size_t length = 0;
  cut_name(e.name, utf8, kNameWidth, length);
  bool cut = length > kNameWidth;
  size_t unused = 0;
  expr::append_html(out, cut_name(e.name, utf8, cut ? kNameWidth - 3 : kNameWidth, unused));
  if (cut) {
    out += "..&gt;</a>";
  } else {
    if (e.dir && length < kNameWidth) {
      out += '/';
      length++;
    }
    out += "</a>";
    out.append(kNameWidth - length, ' ');
  }
  tm t;
  if (conf.localtime.get(false))
    localtime_r(&e.mtime, &t);
  else
    gmtime_r(&e.mtime, &t);
  char stamp[40];
  strftime(stamp, sizeof stamp, " %d-%b-%Y %H:%M ", &t);
  out += stamp;
  if (conf.exact_size.get(true))
    out += e.dir ? "                  -" : fmt::format("{:19}", e.size);
  else
    out += e.dir ? "      -" : human_size(e.size);
  out += "\r\n";
}

std::string as_html(Transaction& txn, const std::vector<Entry>& entries, const AutoindexConf& conf, bool utf8) {
  std::string title;
  expr::append_html(title, of(txn).uri);
  std::string out = fmt::format(
      "<html>\r\n<head><title>Index of {0}</title></head>\r\n<body>\r\n<h1>Index of {0}</h1><hr><pre><a "
      "href=\"../\">../</a>\r\n",
      title);
  for (const Entry& e : entries) add_html_entry(out, e, conf, utf8);
  return out + "</pre><hr></body>\r\n</html>\r\n";
}

std::string as_json(Transaction& txn, const std::vector<Entry>& entries, Str callback) {
  std::string out;
  if (!callback.empty()) out += fmt::format("/* callback */\r\n{}(", callback);
  out += '[';
  bool first = true;
  for (const Entry& e : entries) {
    out += first ? "\r\n{ \"name\":\"" : ",\r\n{ \"name\":\"";
    first = false;
    escape_for_log(e.name, LogEscape::json, out);
    out += fmt::format("\", \"type\":\"{}\", \"mtime\":\"{}\"",
                       e.dir    ? "directory"
                       : e.file ? "file"
                                : "other",
                       http_time(txn.arena, e.mtime));
    if (e.file) out += fmt::format(", \"size\":{}", e.size);
    out += " }";
  }
  out += "\r\n]";
  if (!callback.empty()) out += ");";
  return out;
}

std::string as_xml(const std::vector<Entry>& entries) {
  std::string out = "<?xml version=\"1.0\"?>\r\n<list>\r\n";
  for (const Entry& e : entries) {
    Str kind = e.dir ? "directory" : e.file ? "file" : "other";
    tm t;
    gmtime_r(&e.mtime, &t);
    char stamp[40];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &t);
    out += fmt::format("<{} mtime=\"{}\"", kind, stamp);
    if (e.file) out += fmt::format(" size=\"{}\"", e.size);
    out += '>';
    expr::append_html(out, e.name);
    out += fmt::format("</{}>\r\n", kind);
  }
  return out + "</list>\r\n";
}

// ---------------------------------------------------------------- the step

// The callback argument. False: it is no name.
bool jsonp_callback(Transaction& txn, Str& out) {
  Str rest = of(txn).args;
  while (!rest.empty()) {
    Str pair = cut(rest, '&');
    if (istarts_with(pair, "callback=")) {
      out = pair.substr(9);
      break;
    }
  }
  auto fine = [](char c) { return is_digit(c) || c == '_' || c == '.' || (lower(c) >= 'a' && lower(c) <= 'z'); };
  bool ok = out.size() <= kLongestCallback && std::all_of(out.begin(), out.end(), fine);
  if (!ok)
    log_error(&txn, LogLevel::info, 0,
              fmt::format("client sent {} callback name: \"{}\"",
                          out.size() > kLongestCallback ? "too long" : "invalid", out));
  return ok;
}

Next directory_error(Transaction& txn, int error, Str path) {
  bool missing = error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
  LogLevel level = missing || error == EACCES ? LogLevel::error : LogLevel::crit;
  log_error(&txn, level, error, fmt::format("opendir() \"{}\" failed", path));
  return finish_with(txn, missing ? 404 : error == EACCES ? 403 : 500);
}

Next list(Transaction& txn, Cursor&, const void*) {
  const Request& r = of(txn);
  const auto& conf = conf_of<AutoindexConf>(txn, kAutoindexModule);
  Method method = txn.request.method;
  if (!r.uri.ends_with('/') || (method != Method::get && method != Method::head) || !conf.on.get(false))
    return Next::next;
  FilePath dir;
  if (!map_path(txn, r.uri, dir)) return finish_with(txn, 500);
  std::string path(dir.path);
  if (path.size() > 1) path.pop_back();
  Format format = conf.format.get(Format::html);
  Str callback;
  if (format == Format::jsonp && !jsonp_callback(txn, callback)) return finish_with(txn, 400);
  std::vector<Entry> entries;
  if (int error = read_entries(txn, path, entries)) return directory_error(txn, error, path);
  proxy::Reply reply;
  switch (format) {
    case Format::html:
      reply.content_type = "text/html";
      reply.body = txn.arena.dup(as_html(txn, entries, conf, iequals(charset_for(txn, reply.content_type), "utf-8")));
      break;
    case Format::xml:
      reply.content_type = "text/xml; charset=utf-8";
      reply.body = txn.arena.dup(as_xml(entries));
      break;
    default:
      reply.content_type = callback.empty() ? "application/json" : "application/javascript";
      reply.body = txn.arena.dup(as_json(txn, entries, callback));
  }
  return txn.reply(reply);
}

void compile_autoindex(Scope&, Location& l, void* conf) {
  if (!l.has_content) l.step(Phase::content, list, conf);
}

const Row kTable[] = {
    {"autoindex",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "lists directories that have no index file",
     {},
     WEIR_FIELD(AutoindexConf, on),
     "off"},
    {"autoindex_format",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_format,
     "html | xml | json | jsonp",
     "format of listings",
     {},
     WEIR_FIELD(AutoindexConf, format),
     "html"},
    {"autoindex_localtime",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "listings show local time instead of UTC",
     {},
     WEIR_FIELD(AutoindexConf, localtime),
     "off"},
    {"autoindex_exact_size",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "HTML listings show sizes in bytes instead of rounded ones",
     {},
     WEIR_FIELD(AutoindexConf, exact_size),
     "on"},
};

}  // namespace

const Module kAutoindexModule{"autoindex", sizeof(AutoindexConf), module_create<AutoindexConf>, kTable,
                              nullptr,     compile_autoindex};

}  // namespace weir::nginx
