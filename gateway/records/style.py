"""The look of the record: grey ground, colour only where it means something (ISA-101.01 colour principle), fit for paper."""

CSS = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#e9eaec;color:#24282d;font:14px/1.45 "Inter","Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:22px 20px 40px}
header{display:flex;justify-content:space-between;align-items:flex-end;gap:24px;border-bottom:2px solid #4a5058;padding-bottom:10px}
h1{font-size:24px;margin:0;font-weight:600;letter-spacing:-.2px}
h1 small{display:block;font-size:12px;font-weight:500;color:#5d646d;letter-spacing:.6px;text-transform:uppercase;margin-bottom:2px}
header p{margin:0;text-align:right;color:#5d646d;font-size:12.5px}
h2{font-size:15px;margin:26px 0 8px;font-weight:600}
h2 small{font-weight:400;color:#5d646d;font-size:12.5px;margin-left:8px}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:8px;margin:14px 0 8px}
.tile{background:#f8f8f9;border:1px solid #d3d6da;border-radius:3px;padding:8px 11px;min-width:0}
.tile b{display:block;font-size:11px;font-weight:500;color:#5d646d;text-transform:uppercase;letter-spacing:.4px}
.tile span{display:block;font-size:16px;font-weight:600;overflow-wrap:anywhere}
.tile i{font-style:normal;font-size:12px;color:#5d646d;display:block}
.tile.attention{border-left:5px solid #b8860b}.tile.failed{border-left:5px solid #b3261e}
.elements{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:8px}
.elements .tile b{text-transform:none;font-size:13px;font-weight:600;color:#24282d}
.elements .tile span{font-variant-numeric:tabular-nums;font-size:15px}
.elements .tile em{font-style:normal;font-weight:400;font-size:12px;color:#5d646d}
.elements .tile strong{font-size:18px;font-weight:600}
section{break-inside:auto}
.sheet{background:#f8f8f9;border:1px solid #d3d6da;border-radius:3px;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:12.5px}
th{text-align:left;font-weight:500;color:#5d646d;background:#eef0f2;border-bottom:1px solid #c9cdd2;padding:5px 9px;white-space:nowrap}
td{padding:4px 9px;border-bottom:1px solid #e4e6e9;vertical-align:top}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.t{white-space:nowrap;font-variant-numeric:tabular-nums;color:#454b53}
.u{color:#6d747d}
.bad{color:#8f1d17;font-weight:600}.warn{color:#7a5600;font-weight:600}
.none{padding:7px 11px;color:#5d646d;font-size:12.5px}
code{font:12px/1.4 "JetBrains Mono","DejaVu Sans Mono",Consolas,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:170px 1fr;gap:3px 12px;margin:0;padding:9px 12px;font-size:12.5px}
dt{color:#5d646d}dd{margin:0;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:1fr 1fr;gap:8px}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:40px;margin-top:46px}
.sign p{border-top:1px solid #4a5058;margin:0;padding-top:4px;font-size:12px;color:#5d646d}
.plots .sheet{padding:8px 6px 0;margin-bottom:8px;break-inside:avoid}
svg.plot{display:block;width:100%;height:auto}
svg text{font:11.5px "Inter","Segoe UI","Helvetica Neue",Arial,sans-serif;fill:#5d646d}
svg .title{font-weight:600;font-size:13px;fill:#24282d}
svg .left{text-anchor:end}svg .right{text-anchor:start}svg .hour{text-anchor:middle}svg .hours{text-anchor:end}
svg .phase{text-anchor:middle;font-size:10.5px}svg .key{fill:#24282d}
svg .grid{stroke:#dcdfe3;stroke-width:1}svg .rule,svg .tick{stroke:#7d848d;stroke-width:1;fill:none}
svg .band0{fill:#f2f3f5}svg .band1{fill:#e8ebee}svg .held{fill:#e8dcb8}svg .hole{fill:#d9b3b0;opacity:.55}
svg .line{fill:none;stroke-width:1.7;stroke-linejoin:round}svg .thin{stroke-width:.9;opacity:.7}
svg .dashed{stroke-dasharray:5 4;stroke-width:1.3}
svg .c0{stroke:#1f4e79}
svg circle.c0{fill:#1f4e79}
svg .c1{stroke:#8a5a00}
svg circle.c1{fill:#8a5a00}
svg .c2{stroke:#2f6b4f}
svg circle.c2{fill:#2f6b4f}

svg .c3{stroke:#7a3b69}
svg circle.c3{fill:#7a3b69}
svg .c4{stroke:#4a5058}
svg circle.c4{fill:#4a5058}
svg .c5{stroke:#9a3b26}
svg circle.c5{fill:#9a3b26}
svg path{fill:none}svg circle.open{fill:#f8f8f9}
footer{margin-top:26px;color:#5d646d;font-size:12px}
@media (max-width:820px){.tiles{grid-template-columns:repeat(2,1fr)}.two{grid-template-columns:1fr}}
@media print{body{background:#fff;font-size:11px}main{max-width:none;padding:0}.sheet,.tile{background:#fff}
h2{break-after:avoid}tr{break-inside:avoid}@page{size:A4;margin:14mm 12mm}}
"""
