// How the statistics page looks. HAProxy's colours by state, lighter and darker than the page as the reader's system
// prefers. The head of the table and the names stay in sight; on narrow screens the state stands under the name.
#include "stats/page_html.h"

namespace weir::stats {

const Str kPageStyle =
    R"(:root{color-scheme:light dark;--bg:#fff;--fg:#1b1b1b;--dim:#666;--line:#bbb;--head:#20d0d0;--hfg:#000;--px:#b00040;
--pfg:#ffff40;--sum:#e8e8d0;--up:#c0ffc0;--bup:#b0d0ff;--go:#ffffa0;--bgo:#d9a0ff;--come:#ffd020;--bcome:#ff80ff;
--down:#ff9090;--no:#e0e0e0;--lb:#6fc0ff;--bdr:#dcb030;--mt:#d6954a;--a:#0645ad}
@media(prefers-color-scheme:dark){:root{--bg:#131516;--fg:#e8e6e3;--dim:#a09a90;--line:#4a4f52;--head:#0f5f63;--hfg:#e8f6f6;
--px:#8d0033;--pfg:#ffff60;--sum:#2f3437;--up:#165900;--bup:#274873;--go:#6c6c00;--bgo:#580092;--come:#7d6200;--bcome:#7f007f;
--down:#8a1414;--no:#2a2d2f;--lb:#00549b;--bdr:#7a5c00;--mt:#80480c;--a:#6db3ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:12px/1.35 system-ui,Arial,Helvetica,sans-serif;width:max-content;min-width:100%}
header,footer{position:sticky;left:0;width:100vw;max-width:100%;padding:.6em .8em}
h1{font-size:1.5em;margin:0 0 .3em}a{color:var(--a)}
dl,ul{display:flex;flex-wrap:wrap;gap:.25em 1.4em;margin:.5em 0;padding:0;list-style:none}
dt,dd{display:inline;margin:0}dt{color:var(--dim)}dd{font-weight:600}
nav{display:flex;flex-wrap:wrap;gap:.4em 1em;align-items:center}nav form{margin:0}
ul i{display:inline-block;width:1.1em;height:1.1em;vertical-align:-.2em;margin-right:.35em;border:1px solid var(--line)}
p{margin:.5em 0;padding:.5em .7em;border:1px solid var(--line);background:var(--go)}p.ok{background:var(--up)}
input,select,button{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:3px;padding:.2em .4em}
table{border-collapse:separate;border-spacing:0;min-width:100%}
td,th{padding:.2em .4em;border:solid var(--line);border-width:0 1px 1px 0;text-align:right;white-space:nowrap;font-weight:400}
thead{position:sticky;top:0;z-index:2}thead th{background:var(--head);color:var(--hfg);text-align:center;font-weight:600}
th:first-child{position:sticky;left:0;z-index:1;text-align:left;border-left-width:1px;background:inherit}
thead th:first-child{background:var(--head)}thead tr+tr th:first-child{position:static}
td[title]{text-decoration:underline dotted var(--dim);text-underline-offset:.2em}
.c{text-align:center}th small{display:none}
tr{background:var(--bg)}.px th{background:var(--px);font-weight:700}.px th a{color:var(--pfg);text-decoration:none}
.px>*{border-top:.7em solid var(--bg)}.px td{text-align:left;border-right-width:0;color:var(--dim)}label{display:flex;align-items:center}
.act form{display:inline-block;position:sticky;left:1em}
.px td,.act td,.act th{background:var(--bg)}.act td{text-align:left}.act>*{border-width:0!important}
.sum{background:var(--sum)}.sum .bad{background:var(--down);font-weight:700}
.up{background:var(--up)}.up.b{background:var(--bup)}.go{background:var(--go)}.go.b{background:var(--bgo)}
.come{background:var(--come)}.come.b{background:var(--bcome)}.down{background:var(--down)}.no{background:var(--no)}
.lb,.dr{background:var(--lb)}.dr.b{background:var(--bdr)}.mt{background:var(--mt)}
@media(max-width:50em){body{font-size:13px}th:first-child{max-width:11em;overflow:hidden;text-overflow:ellipsis}
th small{display:block;font-weight:700}.act form{left:11.5em;max-width:55vw;white-space:normal}td,th{padding:.35em .5em}}
)";

}  // namespace weir::stats
