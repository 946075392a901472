// Planned words: the HTTP modules that filter, guard or answer requests. Their rows have no binder, so checks, help
// and completion know the words while starting refuses them. add_planned() puts the table into the index once at
// start; it is static data. A row moves to its feature's file once the feature is built, which is why rows stand by
// module.
#include "nginx/context.h"
#include "nginx/planned.h"

namespace weir::nginx {
namespace {

using config::Block;
using config::Inherit;

constexpr config::Row kRows[] = {
    // ngx_http_addition_filter_module
    {"add_before_body", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "uri",
     "Puts the answer of a subrequest in front of the response body."},
    {"add_after_body", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "uri",
     "Appends the answer of a subrequest to the response body."},
    {"addition_types", kHttpServerLocation, 1, -1, Block::none, Inherit::array, nullptr, "mime-type ...",
     "Further MIME types of responses that get text added; text/html always does."},
    // ngx_http_browser_module
    {"modern_browser", kHttpServerLocation, 1, 2, Block::none, Inherit::array, nullptr, "browser version | unlisted",
     "From which version on a browser counts as modern; unlisted treats unknown ones as modern."},
    {"ancient_browser", kHttpServerLocation, 1, -1, Block::none, Inherit::array, nullptr, "string ...",
     "User-Agent substrings that make a browser count as ancient."},
    {"modern_browser_value", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "string",
     "Value of $modern_browser when the browser is modern."},
    {"ancient_browser_value", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "string",
     "Value of $ancient_browser when the browser is ancient."},
    // ngx_http_dav_module
    {"dav_methods", kHttpServerLocation, 1, -1, Block::none, Inherit::scalar, nullptr, "off | method ...",
     "WebDAV methods that may be used here."},
    {"create_full_put_path", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether PUT creates all missing directories of the path."},
    {"min_delete_depth", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
     "Fewest path elements that a DELETE must name."},
    {"dav_access", kHttpServerLocation, 1, 3, Block::none, Inherit::scalar, nullptr, "users:permissions ...",
     "Access rights of files and directories that WebDAV creates."},
    // ngx_http_degradation_module
    {"degradation", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "sbrk=size",
     "Memory use of a worker above which degrade takes effect."},
    {"degrade", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "204 | 444",
     "What a location answers while memory is short."},
    // ngx_http_flv_module
    {"flv", kLocation, 0, 0, Block::none, Inherit::none, nullptr, "",
     "Serves FLV files from the byte offset in the start argument."},
    // ngx_http_geoip_module
    {"geoip_country", kHttp, 1, 2, Block::none, Inherit::none, nullptr, "file",
     "MaxMind legacy database for the country of an address."},
    {"geoip_org", kHttp, 1, 2, Block::none, Inherit::none, nullptr, "file",
     "MaxMind legacy database for the organization of an address."},
    {"geoip_city", kHttp, 1, 2, Block::none, Inherit::none, nullptr, "file",
     "MaxMind legacy database for city, region and country of an address."},
    {"geoip_proxy", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "address | CIDR",
     "Trusted proxies whose X-Forwarded-For address is looked up instead of their own."},
    {"geoip_proxy_recursive", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether trusted addresses inside X-Forwarded-For are skipped as well."},
    // ngx_http_gunzip_filter_module
    {"gunzip", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether gzipped responses are unpacked for clients that cannot read them."},
    {"gunzip_buffers", kHttpServerLocation, 2, 2, Block::none, Inherit::scalar, nullptr, "number size",
     "Number and size of the buffers for unpacking a response."},
    // ngx_http_gzip_filter_module
    {"postpone_gzipping", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Collects this much output before compression starts."},
    // ngx_http_gzip_static_module
    {"gzip_static", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off | always",
     "Whether a ready FILE.gz is sent instead of FILE; always ignores what the client accepts."},
    // ngx_http_image_filter_module
    {"image_filter", kLocation, 1, 3, Block::none, Inherit::scalar, nullptr,
     "off | test | size | rotate 90 | 180 | 270 | resize width height | crop width height",
     "Checks, measures, rotates, resizes or crops images on their way to the client."},
    {"image_filter_jpeg_quality", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "quality",
     "Quality of JPEG images after a change, from 1 to 100."},
    {"image_filter_webp_quality", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "quality",
     "Quality of WebP images after a change, from 1 to 100."},
    {"image_filter_sharpen", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "percent",
     "How much changed images are sharpened, in percent."},
    {"image_filter_transparency", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on|off",
     "Whether transparency survives a change of GIF and palette PNG images."},
    {"image_filter_interlace", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether changed images are interlaced, so JPEG becomes progressive."},
    {"image_filter_buffer", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Largest image that is read for a change; bigger ones give 415."},
    // ngx_http_mp4_module
    {"mp4", kLocation, 0, 0, Block::none, Inherit::none, nullptr, "",
     "Serves MP4 files from the time in the start argument up to the one in end."},
    {"mp4_buffer_size", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Initial size of the buffer for an MP4 file's metadata."},
    {"mp4_max_buffer_size", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Largest buffer for an MP4 file's metadata; bigger metadata gives 500."},
    {"mp4_start_key_frame", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether output starts with a key frame and an edit list hides what comes before the start."},
    // ngx_http_random_index_module
    {"random_index", kLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Answers a request for a directory with a file picked at random."},
    // ngx_http_slice_filter_module
    {"slice", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Splits a request into subrequests for ranges of this size, so that slices can be cached."},
    // ngx_http_ssi_filter_module
    {"ssi", kHttpEverywhere, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether server side include commands in responses are executed."},
    {"ssi_silent_errors", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Leaves out the error text where an SSI command fails."},
    {"ssi_ignore_recycled_buffers", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether SSI may hold back upstream buffers that wait for reuse."},
    {"ssi_min_file_chunk", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
     "Smallest part of a response that is kept in a file and sent with sendfile."},
    {"ssi_value_length", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "length",
     "Longest value of a parameter in SSI commands."},
    {"ssi_types", kHttpServerLocation, 1, -1, Block::none, Inherit::array, nullptr, "mime-type ...",
     "Further MIME types in which SSI commands are executed; text/html always is."},
    {"ssi_last_modified", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether Last-Modified of the original response is kept."},
    // ngx_http_userid_filter_module
    {"userid", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | v1 | log | off",
     "Whether cookies that identify clients are set, and in which version, or only logged."},
    {"userid_service", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
     "Number that stands for the server in the client identifier."},
    {"userid_name", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "name",
     "Name of the identifying cookie."},
    {"userid_domain", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "name | none",
     "Domain of the identifying cookie."},
    {"userid_path", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "path",
     "Path of the identifying cookie."},
    {"userid_expires", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "time | max | off",
     "How long the browser keeps the identifying cookie."},
    {"userid_flags", kHttpServerLocation, 1, 3, Block::none, Inherit::scalar, nullptr, "off | flag ...",
     "Flags of the identifying cookie, such as secure, httponly or samesite."},
    {"userid_p3p", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "string | none",
     "Value of the P3P header sent along with the identifying cookie."},
    {"userid_mark", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "letter | digit | = | off",
     "Character in the cookie that tells whether the client identifier needs renewal."},
    // ngx_http_xslt_filter_module
    {"xml_entities", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "path",
     "DTD file that declares character entities for XML documents."},
    {"xml_external_entities", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether external entities of XML documents are loaded."},
    {"xslt_stylesheet", kLocation, 1, -1, Block::none, Inherit::array, nullptr, "stylesheet [parameter=value ...]",
     "XSLT stylesheet that transforms XML responses, and its parameters."},
    {"xslt_param", kHttpServerLocation, 2, 2, Block::none, Inherit::array, nullptr, "parameter value",
     "Parameter for stylesheets, its value taken as an XPath expression."},
    {"xslt_string_param", kHttpServerLocation, 2, 2, Block::none, Inherit::array, nullptr, "parameter value",
     "Parameter for stylesheets, its value taken as text."},
    {"xslt_types", kHttpServerLocation, 1, -1, Block::none, Inherit::array, nullptr, "mime-type ...",
     "Further MIME types that are transformed; text/xml always is."},
    {"xslt_last_modified", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "Whether Last-Modified of the original response is kept."},
    // ngx_http_perl_module
    {"perl_modules", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "path",
     "Additional search path for Perl modules."},
    {"perl_require", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "module",
     "Perl module that is loaded at every start."},
    {"perl", kLocation | kLimitExcept, 1, 1, Block::none, Inherit::none, nullptr, "module::function|'sub { ... }'",
     "Perl handler, a subroutine name or its text, that answers requests."},
    {"perl_set", kHttp, 2, 2, Block::none, Inherit::none, nullptr, "$variable module::function|'sub { ... }'",
     "Perl handler that computes a variable."},
};

}  // namespace

const config::Table kPlannedModules = kRows;

}  // namespace weir::nginx
