"""The fixed parts of the html page: texts and style."""

WARNING = '<p class="warning">No trial satisfies every constraint. Shown are the trials of least violation.</p>'

MEMBERS = """
<p class="small">Hover a point to find it everywhere; click it to find its row. Drag to select members, or to zoom;
double-click to undo. {hint}</p></section>
<section id="choice"><h2>Choose</h2><form>{limits}<label>drag to <select id="drag">
<option value="select">select</option><option value="zoom">zoom</option></select></label>
<button type="reset">all</button></form>
<p aria-live="polite"><b id="kept"></b> Of least regret: <button type="button" id="least"></button></p></section>
<section><h2>Members</h2>{table}
<p class="small">Small numbers: the value on the report split, which had no part in any choice; survives: not
dominated there either. Click a heading to sort, or press Enter on it; arrows go from row to row.</p>"""

NEAR = "Grey trials far from the front lie outside the first view."
HIGHER = "One line a member, the knee thicker; on the shaded axes better is higher."
DOUBTFUL = " Faint: on the front with a probability under one half."

PROGRESS = '<section><h2>Hypervolume by trial</h2><div id="progress" class="plot"></div></section>'

PROMISED = """
<section><h2>What was promised of merges</h2><div id="promised" class="plot"></div>
<p class="small">Predicted before a merged model was evaluated, against what it came to; on the line both are the same.
</p></section>"""

PARALLEL = """
<section><h2>Params and objectives of the members</h2><div id="parallel" class="plot"></div>
<p class="small">One line a member, the knee thicker. On the shaded axes better is higher; a line passes an axis
without a dot where its member has no such param.</p></section>"""

STYLE = """
:root{color-scheme:light}
body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;color:#1F2933;background:#fff;
margin:0 auto;padding:18px 22px 40px;max-width:1280px}
h1{font-size:24px;margin:0;overflow-wrap:anywhere}h2{font-size:16px;margin:26px 0 8px}
p{margin:4px 0}.lead{font-size:15px}.small{font-size:12px;color:#5B6770}
.warning{background:#FFF4E5;border-left:4px solid #D55E00;padding:8px 12px;margin:12px 0}
.scroll{overflow:auto;max-height:560px;border:1px solid #E4E8EC;border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;text-align:left;vertical-align:top;border-bottom:1px solid #EEF1F4}
th{background:#F4F6F8;font-weight:600;font-size:12px;position:sticky;top:0;z-index:1}
#members th{cursor:pointer;user-select:none}#members th[aria-sort=ascending]::after{content:" \\25B2"}
#members th[aria-sort=descending]::after{content:" \\25BC"}
td.number,th.number{text-align:right}td.number,td.id{white-space:nowrap}
td .report{display:block;font-size:12px;color:#5B6770}
td.params{font-size:12px;color:#3E4C59;min-width:250px;overflow-wrap:anywhere}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
.mark{display:inline-block;background:#E8F1F8;border-radius:9px;padding:0 8px;margin:0 4px 2px 0;font-size:12px}
.mark.knee{background:#1F2933;color:#fff}
#choice form{display:flex;flex-wrap:wrap;gap:8px 18px;align-items:center}
#choice input{width:90px;font:inherit;padding:2px 4px}#choice button,#choice select{font:inherit;padding:2px 8px}
:focus-visible{outline:2px solid #0072B2;outline-offset:-2px}tr.out td{opacity:.35}
tr.lit td{background:#FFF8DB}.plot{width:100%}.key b{font-weight:600}
"""
