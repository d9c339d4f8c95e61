"""Transfer Lab: `streamlit run app.py`. Arranges the pages; each is complete by itself."""

import streamlit as st

from pages.shared import downloads, session

if __name__ == "__main__":  # run anew for every click in a browser
    st.set_page_config(page_title="Transfer Lab", page_icon="🔀", layout="wide")
    page = st.navigation(
        {
            "The journey": [
                st.Page("pages/start.py", title="Start", icon=":material/home:", default=True),
                st.Page("pages/data.py", title="Data", icon=":material/photo_library:"),
                st.Page("pages/decide.py", title="Decide", icon=":material/alt_route:"),
                st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
                st.Page("pages/results.py", title="Results", icon=":material/fact_check:"),
                st.Page("pages/repair.py", title="Repair", icon=":material/healing:"),
                st.Page("pages/try_it.py", title="Try it", icon=":material/camera:"),
                st.Page("pages/take_away.py", title="Take away", icon=":material/download:"),
            ],
            "Beside it": [
                st.Page("pages/learn.py", title="Learn", icon=":material/school:"),
                st.Page("pages/networks.py", title="Networks", icon=":material/hub:"),
                st.Page("pages/runs.py", title="Runs", icon=":material/history:"),
                st.Page("pages/compare.py", title="Compare", icon=":material/compare:"),
            ],
        }
    )
    session.mark_pages_arranged()
    page.run()
else:  # imported once, by the server
    app = st.App(__file__, routes=[downloads.IMAGES_ROUTE, downloads.EXPORT_ROUTE])
