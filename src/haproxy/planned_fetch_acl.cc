// Words that only ACLs know: a sample fetch together with a matching method (manual 7.3.5, 7.3.6). The rows know the words,
// for checks, lists and man pages; those that expr/fetch_*.cc has need none and may have one. The table lives as long as the
// program; planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // on base
    {"base_beg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: base starts with (-m beg)"},
    {"base_dir", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: base has the path component (-m dir)"},
    {"base_dom", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: base has the domain (-m dom)"},
    {"base_end", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: base ends with (-m end)"},
    {"base_len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: base has the length (-m len)"},
    {"base_reg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: base matches the regular expression (-m reg)"},
    {"base_sub", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: base contains (-m sub)"},
    // on req.cook
    {"cook_beg", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook starts with (-m beg)"},
    {"cook_dir", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook has the path component (-m dir)"},
    {"cook_dom", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook has the domain (-m dom)"},
    {"cook_end", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook ends with (-m end)"},
    {"cook_len", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook has the length (-m len)"},
    {"cook_reg", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook matches the regular expression (-m reg)"},
    {"cook_sub", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.cook contains (-m sub)"},
    // on req.hdr
    {"hdr_beg", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr starts with (-m beg)"},
    {"hdr_dir", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr has the path component (-m dir)"},
    {"hdr_dom", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr has the domain (-m dom)"},
    {"hdr_end", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr ends with (-m end)"},
    {"hdr_len", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr has the length (-m len)"},
    {"hdr_reg", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr matches the regular expression (-m reg)"},
    {"hdr_sub", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: req.hdr contains (-m sub)"},
    // on path
    {"path_beg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: path starts with (-m beg)"},
    {"path_dir", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: path has the path component (-m dir)"},
    {"path_dom", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: path has the domain (-m dom)"},
    {"path_end", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: path ends with (-m end)"},
    {"path_len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: path has the length (-m len)"},
    {"path_reg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: path matches the regular expression (-m reg)"},
    {"path_sub", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: path contains (-m sub)"},
    // on res.cook
    {"scook_beg", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook starts with (-m beg)"},
    {"scook_dir", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook has the path component (-m dir)"},
    {"scook_dom", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook has the domain (-m dom)"},
    {"scook_end", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook ends with (-m end)"},
    {"scook_len", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook has the length (-m len)"},
    {"scook_reg", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook matches the regular expression (-m reg)"},
    {"scook_sub", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: res.cook contains (-m sub)"},
    // on res.hdr
    {"shdr_beg", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr starts with (-m beg)"},
    {"shdr_dir", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr has the path component (-m dir)"},
    {"shdr_dom", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr has the domain (-m dom)"},
    {"shdr_end", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr ends with (-m end)"},
    {"shdr_len", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr has the length (-m len)"},
    {"shdr_reg", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr matches the regular expression (-m reg)"},
    {"shdr_sub", kFetch, 0, 2, Block::none, Inherit::none, nullptr, "([<name>[,<occ>]])",
     "in ACLs: res.hdr contains (-m sub)"},
    // on url
    {"url_beg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url starts with (-m beg)"},
    {"url_dir", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url has the path component (-m dir)"},
    {"url_dom", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url has the domain (-m dom)"},
    {"url_end", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url ends with (-m end)"},
    {"url_len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url has the length (-m len)"},
    {"url_reg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: url matches the regular expression (-m reg)"},
    {"url_sub", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: url contains (-m sub)"},
    // on urlp
    {"urlp_beg", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp starts with (-m beg)"},
    {"urlp_dir", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp has the path component (-m dir)"},
    {"urlp_dom", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp has the domain (-m dom)"},
    {"urlp_end", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp ends with (-m end)"},
    {"urlp_len", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp has the length (-m len)"},
    {"urlp_reg", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp matches the regular expression (-m reg)"},
    {"urlp_sub", kFetch, 0, 3, Block::none, Inherit::none, nullptr, "([<name>[,<delim>[,i]]])",
     "in ACLs: urlp contains (-m sub)"},
    // on req.rdp_cookie
    {"req_rdp_cookie", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "in ACLs: req.rdp_cookie equals (-m str)"},
    // on req.rdp_cookie_cnt
    {"req_rdp_cookie_cnt", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([name])",
     "in ACLs: req.rdp_cookie_cnt equals the number (-m int)"},
    // on ssl_fc_sni
    {"ssl_fc_sni_end", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "", "in ACLs: ssl_fc_sni ends with (-m end)"},
    {"ssl_fc_sni_reg", kFetch, 0, 0, Block::none, Inherit::none, nullptr, "",
     "in ACLs: ssl_fc_sni matches the regular expression (-m reg)"},
};

}  // namespace

const config::Table kPlannedFetchAcl = kRows;

}  // namespace weir::haproxy
